// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AnyEscrow} from "./AnyEscrow.sol";

/// @notice The patient's side of a section that settles: what it is charged is what its balance falls by and what
/// settlement is sent, once. Knows how a section is written and the escrow's verbs that settling calls.
///
/// Bounds: one patient with one row. Storage, and with it balances, limits and consents, is any; so are the charge
/// and the time.
contract ChargeTest is AnyEscrow {
    /// Whether the escrow pays in the call that charges or when it is told to afterwards.
    function check_charge__is_what_the_balance_falls_by(
        address patient,
        address other,
        uint64 charge,
        uint40 now_,
        bool last
    ) external {
        assume(other != patient);
        vm.warp(now_);
        (uint256 before, uint256 others) = (_escrow.balanceOf(patient), _escrow.balanceOf(other));

        _escrow.chargeShares(_section(patient), last ? 1 : 0, abi.encode(uint256(charge)));
        _escrow.disburseTotal();
        _escrow.disburseTotal();

        assert(_escrow.balanceOf(patient) + charge == before && _escrow.balanceOf(other) == others);
        assert(_token.sent() == charge && (charge == 0 || _token.sentTo() == address(this)));
    }

    function _section(address patient) private pure returns (bytes memory) {
        // Provider, payer, plan, version, sequence base, groups, rows, flags, bytes of attestations; then the patient and how
        // many rows it has, and one row of 54 bytes, which the escrow does not read.
        bytes memory header = abi.encodePacked(
            uint32(1), uint32(1), uint16(1), uint16(1), uint64(0), uint16(1), uint16(1), uint8(0), uint24(0)
        );
        return abi.encodePacked(header, patient, uint8(1), new bytes(54));
    }
}
