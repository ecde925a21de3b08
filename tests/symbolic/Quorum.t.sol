// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IClaimSettlement} from "../../contracts/interfaces/IClaimSettlement.sol";
import {IInsurerPayerFactory} from "../../contracts/interfaces/IInsurerPayerFactory.sol";
import {IPatientEscrow} from "../../contracts/interfaces/IPatientEscrow.sol";
import {IProviderRegistry} from "../../contracts/interfaces/IProviderRegistry.sol";
import {QuorumSignatures} from "../../contracts/libraries/QuorumSignatures.sol";
import {QuorumCheck} from "../../contracts/settlement/QuorumCheck.sol";
import {SettlementState} from "../../contracts/settlement/SettlementState.sol";
import {Cheats} from "./Cheats.sol";

contract CodeHash {
    bytes32 public constant payerCodeHash = 0;
}

/// @notice ClaimSettlement's check of signatures, callable.
contract QuorumHarness is QuorumCheck {
    constructor(IInsurerPayerFactory payers_)
        SettlementState(IERC20(address(0)), IPatientEscrow(address(0)), payers_, IProviderRegistry(address(0)), address(1))
    {}

    function checkQuorum(uint32 epoch, bytes32 digest, bytes calldata signatures) external view {
        _checkQuorum(epoch, digest, signatures);
    }

    function signer(bytes32 digest, bytes calldata signatures, uint256 index) external pure returns (address) {
        return QuorumSignatures.recover(digest, signatures, index);
    }
}

/// @notice A batch that passes was signed by k distinct members, for any quorum, epoch, digest and signatures.
///
/// Bounds: up to 3 signatures; storage, and with it the epoch, its threshold and its members, is any.
/// Recovering a signer is an uninterpreted function of digest and signature: what is proved holds whoever
/// it names.
contract QuorumTest is Cheats {
    QuorumHarness private _harness;

    function setUp() public {
        _harness = new QuorumHarness(IInsurerPayerFactory(address(new CodeHash())));
        svm.enableSymbolicStorage(address(_harness));
    }

    function check_quorum__one_signature(uint32 epoch, uint40 now_, bytes32 digest, bytes32 r, bytes32 s, uint8 v)
        external
    {
        _check(epoch, now_, digest, abi.encodePacked(r, s, v), 1);
    }

    function check_quorum__two_signatures(
        uint32 epoch,
        uint40 now_,
        bytes32 digest,
        bytes32[2] calldata r,
        bytes32[2] calldata s,
        uint8[2] calldata v
    ) external {
        _check(epoch, now_, digest, abi.encodePacked(r[0], s[0], v[0], r[1], s[1], v[1]), 2);
    }

    function check_quorum__three_signatures(
        uint32 epoch,
        uint40 now_,
        bytes32 digest,
        bytes32[3] calldata r,
        bytes32[3] calldata s,
        uint8[3] calldata v
    ) external {
        bytes memory signatures = abi.encodePacked(r[0], s[0], v[0], r[1], s[1], v[1], r[2], s[2], v[2]);
        _check(epoch, now_, digest, signatures, 3);
    }

    function _check(uint32 epoch, uint40 now_, bytes32 digest, bytes memory signatures, uint256 count) private {
        vm.warp(now_);
        (bool passed,) =
            address(_harness).call(abi.encodeCall(QuorumHarness.checkQuorum, (epoch, digest, signatures)));
        if (!passed) return;

        (uint16 threshold, uint16 members, uint40 endsAt) = _harness.epochs(epoch);
        assert(threshold != 0 && count >= threshold && count <= members);
        assert(endsAt == 0 || now_ < endsAt);
        address last;
        for (uint256 i; i < count; ++i) {
            address signer = _harness.signer(digest, signatures, i);
            assert(_harness.isMember(epoch, signer));
            // Strictly ascending, so all are distinct, and none is nobody.
            assert(signer > last);
            last = signer;
        }
    }
}
