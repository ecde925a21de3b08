// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice A dollar that misbehaves on request: it refuses an address or nothing at all, keeps a fee, answers
/// as no standard says, pauses, burns gas or calls back in the middle of a transfer. For tests. Anyone may
/// ask for anything.
contract UnrulyDollar is ERC20 {
    /// How `transfer` and `transferFrom` end.
    enum Answer {
        True,
        False, // and nothing moves
        Nothing, // it moves, and no word is returned
        FalseAfterMoving
    }

    event HookAnswered(bytes answer);

    error Paused();
    error NothingToTransfer();

    mapping(address account => bool) public isBlocked;
    mapping(address account => bool) public burnsGas;

    uint256 public feeBps;
    uint256 public neededGas;
    bool public paused;
    bool public refusesZero;
    Answer public answer;

    uint256 public hookDelay;
    address public hookTarget;
    bytes public hookData;
    bool public hookSucceeded;
    bytes public hookAnswer;

    /// The protocol's tokens take their authority; this one obeys everybody.
    constructor(address) ERC20("Unruly Dollar", "UUSD") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// Transfers to or from the account revert.
    function setBlocked(address account, bool blocked) external {
        isBlocked[account] = blocked;
    }

    /// Transfers from or to the account consume all gas they are given.
    function setBurnsGas(address account, bool burns) external {
        burnsGas[account] = burns;
    }

    /// Every transfer keeps back this share.
    function setFee(uint256 bps) external {
        feeBps = bps;
    }

    /// A transfer that has not so much gas left reverts.
    function setNeededGas(uint256 gas) external {
        neededGas = gas;
    }

    /// No transfer goes through.
    function setPaused(bool paused_) external {
        paused = paused_;
    }

    /// A transfer of nothing reverts.
    function setRefusesZero(bool refuses) external {
        refusesZero = refuses;
    }

    function setAnswer(Answer answer_) external {
        answer = answer_;
    }

    /// After `delay` more transfers, the next first makes this call and remembers how it ended.
    function setHook(uint256 delay, address target, bytes calldata data) external {
        (hookDelay, hookTarget, hookData) = (delay, target, data);
        (hookSucceeded, hookAnswer) = (false, "");
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        if (answer == Answer.False) return false;
        super.transfer(to, amount);
        return _answer();
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        if (answer == Answer.False) return false;
        super.transferFrom(from, to, amount);
        return _answer();
    }

    /// As in ERC-3009, with anything as signature.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256,
        uint256,
        bytes32,
        bytes calldata
    ) external {
        _transfer(from, to, value);
    }

    function decimals() public pure override returns (uint8) {
        return 6;
    }

    function _answer() private view returns (bool) {
        if (answer == Answer.Nothing) {
            assembly ("memory-safe") {
                return(0, 0)
            }
        }
        return answer == Answer.True;
    }

    function _callBack() private {
        if (hookDelay != 0) {
            --hookDelay;
            return;
        }
        address target = hookTarget;
        hookTarget = address(0); // once: a hook's own transfers call nobody
        (bool succeeded, bytes memory answer_) = target.call(hookData);
        hookSucceeded = succeeded;
        // A transfer that may fail gets gas for no long answers to be kept: these are only logged.
        if (answer_.length <= 100) hookAnswer = answer_;
        emit HookAnswered(answer_);
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (paused) revert Paused();
        if (refusesZero && amount == 0) revert NothingToTransfer();
        if (isBlocked[from]) revert ERC20InvalidSender(from);
        if (isBlocked[to]) revert ERC20InvalidReceiver(to);
        if (burnsGas[from] || burnsGas[to]) {
            assembly ("memory-safe") {
                invalid()
            }
        }
        if (neededGas != 0 && gasleft() < neededGas) revert();
        if (hookTarget != address(0)) _callBack();

        uint256 fee = from == address(0) ? 0 : amount * feeBps / 10_000;
        if (fee != 0) super._update(from, address(0), fee);
        super._update(from, to, amount - fee);
    }
}
