// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice What halmos lets a test do to the chain; the part that is used here.
interface Vm {
    function assume(bool condition) external pure;
    function warp(uint256 timestamp) external;
    function prank(address sender) external;
    function etch(address target, bytes calldata code) external;
    function store(address target, bytes32 slot, bytes32 value) external;
}

interface Svm {
    function enableSymbolicStorage(address account) external;
}

/// @notice A base for symbolic tests.
abstract contract Cheats {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    Svm internal constant svm = Svm(address(uint160(uint256(keccak256("svm cheat code")))));

    function assume(bool condition) internal pure {
        vm.assume(condition);
    }
}

/// @notice A token that notes what was sent, in all and last to whom.
contract NotingToken {
    address public sentTo;
    uint256 public sent;

    function transfer(address to, uint256 amount) external returns (bool) {
        (sentTo, sent) = (to, sent + amount);
        return true;
    }
}
