// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Cheats} from "./Cheats.sol";
import {ExtensionHarness, Front, Surroundings} from "./Extension.t.sol";

/// @notice The extension with what is announced laid open; settling, which is proved elsewhere, credits nothing.
contract UnansweredHarness is ExtensionHarness {
    constructor(Surroundings around) ExtensionHarness(around) {}

    function setAnnounced(uint32 providerId, bytes32 noted) external {
        _announced[providerId] = noted;
    }

    function announced(uint32 providerId) external view returns (bytes32) {
        return _announced[providerId];
    }

    function settleAnnounced(uint32, bytes32, uint256, address, bytes calldata, uint32) external pure returns (uint256) {
        return 0;
    }
}

/// @notice What settles without the quorum was announced, with these very bytes, at least one week and less than two
/// weeks ago. Bounds: 96 bytes of sections, whatever they are, and any times below 2^40.
contract UnansweredTest is Cheats {
    uint32 private constant PROVIDER = 1;

    UnansweredHarness private _extension;
    address private _payout;

    function setUp() public {
        Surroundings around = new Surroundings();
        _payout = around.payoutAddressOfAll();
        _extension = UnansweredHarness(address(new Front(address(new UnansweredHarness(around)))));
    }

    function check_settleUnanswered__settles__what_was_announced_a_week_ago(
        bytes32 noted,
        uint40 now_,
        uint40 announcedAt,
        bytes32[3] calldata words,
        uint32 rootSlot
    ) external {
        bytes memory sections = abi.encode(words);
        bytes32 expected = bytes32(bytes27(keccak256(sections))) | bytes32(uint256(announcedAt));
        _extension.setAnnounced(PROVIDER, noted);
        vm.warp(now_);

        vm.prank(_payout);
        (bool settles,) = address(_extension).call(
            abi.encodeCall(_extension.settleUnanswered, (PROVIDER, announcedAt, sections, rootSlot))
        );

        uint256 from = uint256(announcedAt) + 7 days;
        bool inTime = now_ >= from && now_ < from + 7 days;
        // Both ways: so that it is not proved of a call that never succeeds.
        if (uint256(announcedAt) + 14 days < 2 ** 40) {
            assert(settles == (inTime && noted == expected && announcedAt != 0));
        } else if (settles) {
            assert(inTime && noted == expected);
        }
        // Once.
        if (settles) assert(_extension.announced(PROVIDER) == 0);
    }

    function check_settleUnanswered__by_anybody_but_the_payout_address__reverts(
        address caller,
        uint40 now_,
        uint40 announcedAt,
        bytes32[3] calldata words
    ) external {
        assume(caller != _payout);
        bytes memory sections = abi.encode(words);
        _extension.setAnnounced(PROVIDER, bytes32(bytes27(keccak256(sections))) | bytes32(uint256(announcedAt)));
        vm.warp(now_);

        vm.prank(caller);
        (bool settles,) = address(_extension).call(
            abi.encodeCall(_extension.settleUnanswered, (PROVIDER, announcedAt, sections, 0))
        );

        assert(!settles);
    }
}
