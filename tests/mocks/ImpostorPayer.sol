// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {BatchCodec} from "../../contracts/codec/BatchCodec.sol";
import {IInsurerPayer} from "../../contracts/interfaces/IInsurerPayer.sol";

/// @notice Answers like a payer that lets the patient pay nothing and owes everything, and sends no token.
/// For tests that only contracts made by the factory are asked.
contract ImpostorPayer {
    uint32 public immutable payerId;
    uint256 public asked;

    constructor(uint32 payerId_) {
        payerId = payerId_;
    }

    function adjudicateAll(bytes calldata section, uint256, bytes calldata)
        external
        returns (bytes memory answers)
    {
        ++asked;
        return new bytes(64 * BatchCodec.rowCount(BatchCodec.header(section, 0)));
    }

    function quote(IInsurerPayer.QuoteRequest calldata) external pure returns (IInsurerPayer.Quote memory quoted) {
        quoted.pool = type(uint64).max;
    }

    function commit(IInsurerPayer.Posting calldata) external {
        ++asked;
    }

    function disburseTotal() external {
        ++asked;
    }

    /// Makes any call as itself.
    function run(address target, bytes calldata call_) external {
        (bool succeeded, bytes memory answer) = target.call(call_);
        if (!succeeded) {
            assembly ("memory-safe") {
                revert(add(answer, 32), mload(answer))
            }
        }
    }
}
