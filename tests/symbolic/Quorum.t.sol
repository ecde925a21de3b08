// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IClaimSettlement} from "../../contracts/interfaces/IClaimSettlement.sol";
import {IInsurerPayerFactory} from "../../contracts/interfaces/IInsurerPayerFactory.sol";
import {IPatientEscrow} from "../../contracts/interfaces/IPatientEscrow.sol";
import {IProviderRegistry} from "../../contracts/interfaces/IProviderRegistry.sol";
import {QuorumSignatures} from "../../contracts/settlement/QuorumSignatures.sol";
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

    /// All of an epoch's slot but how many members there are stays any; and it stands, or none does.
    function setMembers(uint32 epoch, uint16 members, bool stands) external {
        Epoch storage found = _epochs[epoch];
        found.members = members;
        delete _standing;
        // As QuorumAdmin keeps it: of an epoch that was opened, with a threshold of at least one and at most the members,
        // and has not ended, while nothing is paused.
        if (!stands || epoch == 0 || found.endsAt != 0 || paused()) return;
        if (found.threshold == 0 || found.threshold > members) return;
        _standing = StandingQuorum(epoch, uint8(found.threshold), uint8(members), found.membersHash);
    }

    function quorum(uint32 epoch) external view returns (uint16 threshold, uint16 members, uint40 endsAt, bytes23 hash) {
        Epoch storage found = _epochs[epoch];
        return (found.threshold, found.members, found.endsAt, found.membersHash);
    }

    function signer(bytes32 digest, bytes calldata signatures, uint256 index) external view returns (address) {
        return QuorumSignatures.recover(digest, signatures, index * QuorumSignatures.SIGNATURE_BYTES);
    }
}

/// @notice A batch that passes names the epoch's members and was signed by k distinct ones of them, for any epoch,
/// threshold, digest, list and signatures.
///
/// Bounds: 3 members, up to 3 signatures; storage, and with it the epoch's threshold, end and hash, is any.
/// Recovering a signer is an uninterpreted function of digest and signature: what is proved holds whoever
/// it names.
contract QuorumTest is Cheats {
    QuorumHarness private _harness;

    function setUp() public {
        _harness = new QuorumHarness(IInsurerPayerFactory(address(new CodeHash())));
        svm.enableSymbolicStorage(address(_harness));
    }

    function check_quorum__one_signature(
        uint32 epoch,
        uint40 now_,
        bytes32 digest,
        address[3] calldata members,
        bytes32 r,
        bytes32 s,
        uint8 v,
        bool stands
    ) external {
        _check(epoch, now_, digest, members, abi.encodePacked(r, s, v), 1, stands);
    }

    function check_quorum__two_signatures(
        uint32 epoch,
        uint40 now_,
        bytes32 digest,
        address[3] calldata members,
        bytes32[2] calldata r,
        bytes32[2] calldata s,
        uint8[2] calldata v,
        bool stands
    ) external {
        _check(epoch, now_, digest, members, abi.encodePacked(r[0], s[0], v[0], r[1], s[1], v[1]), 2, stands);
    }

    function check_quorum__three_signatures(
        uint32 epoch,
        uint40 now_,
        bytes32 digest,
        address[3] calldata members,
        bytes32[3] calldata r,
        bytes32[3] calldata s,
        uint8[3] calldata v,
        bool stands
    ) external {
        bytes memory signatures = abi.encodePacked(r[0], s[0], v[0], r[1], s[1], v[1], r[2], s[2], v[2]);
        _check(epoch, now_, digest, members, signatures, 3, stands);
    }

    function _check(
        uint32 epoch,
        uint40 now_,
        bytes32 digest,
        address[3] calldata members,
        bytes memory signatures,
        uint256 count,
        bool stands
    ) private {
        vm.warp(now_);
        _harness.setMembers(epoch, 3, stands);
        bytes memory list = abi.encodePacked(bytes20(members[0]), bytes20(members[1]), bytes20(members[2]));
        bytes memory named = bytes.concat(list, signatures);
        (bool passed,) = address(_harness).call(abi.encodeCall(QuorumHarness.checkQuorum, (epoch, digest, named)));
        if (!passed) return;

        (uint16 threshold, uint16 size, uint40 endsAt, bytes23 hash) = _harness.quorum(epoch);
        assert(threshold != 0 && count >= threshold && count <= size);
        assert(endsAt == 0 || now_ < endsAt);
        assert(bytes23(keccak256(list)) == hash);
        address last;
        for (uint256 i; i < count; ++i) {
            address signer = _harness.signer(digest, signatures, i);
            assert(signer == members[0] || signer == members[1] || signer == members[2]);
            // Strictly ascending, so all are distinct, and none is nobody.
            assert(signer > last);
            last = signer;
        }
    }
}
