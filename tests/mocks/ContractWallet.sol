// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice A wallet that is a contract (ERC-1271): it signs with its owner's key, and does what anybody
/// tells it. Asked about a signature it can first make a call, and sign only if that ends as foreseen. For tests.
contract ContractWallet {
    address public immutable owner;

    address public probed;
    bytes public probe;
    bool public foreseenSuccess;
    bytes public foreseenAnswer;

    constructor(address owner_) {
        owner = owner_;
    }

    function run(address target, bytes calldata data) external returns (bytes memory answer) {
        bool succeeded;
        (succeeded, answer) = target.call(data);
        if (!succeeded) {
            assembly ("memory-safe") {
                revert(add(answer, 32), mload(answer))
            }
        }
    }

    /// From now on the wallet signs only if this call, made while it is asked, ends so.
    function setProbe(address target, bytes calldata data, bool success, bytes calldata answer) external {
        (probed, probe, foreseenSuccess, foreseenAnswer) = (target, data, success, answer);
    }

    /// `IERC1271.isValidSignature`, which a wallet need not write as a view.
    function isValidSignature(bytes32 hash, bytes calldata signature) external returns (bytes4) {
        if (probed != address(0) && !_endsAsForeseen()) return 0;
        (address signer,,) = ECDSA.tryRecoverCalldata(hash, signature);
        return signer == owner ? IERC1271.isValidSignature.selector : bytes4(0);
    }

    function _endsAsForeseen() private returns (bool) {
        // Half of the gas: a call that writes loses all it is given, for the wallet is asked by a static call.
        (bool succeeded, bytes memory answer) = probed.call{gas: gasleft() / 2}(probe);
        return succeeded == foreseenSuccess && keccak256(answer) == keccak256(foreseenAnswer);
    }
}
