// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";
import {IInsurerPayerFactory} from "./interfaces/IInsurerPayerFactory.sol";
import {IProviderRegistry} from "./interfaces/IProviderRegistry.sol";
import {PayerAddress} from "./payer/PayerAddress.sol";

/// @dev Documented in IInsurerPayerFactory.
/// The payer's code is handed in by the caller and compared by hash, so that this contract need not carry it.
/// What a payer must know is not part of that code, or its hash and address would differ from payer to
/// payer: the new contract reads it from `blueprint` instead.
contract InsurerPayerFactory is IInsurerPayerFactory, AccessManaged {
    /// A patient's slot in the escrow names payers in 24 bits.
    uint32 public constant MAX_PAYERS = type(uint24).max;

    IERC20 public immutable token;
    address public immutable settlement;
    IProviderRegistry public immutable registry;
    /// @inheritdoc IInsurerPayerFactory
    bytes32 public immutable payerCodeHash;

    /// @inheritdoc IInsurerPayerFactory
    uint32 public payerCount;

    /// The insurer whose payer is being made; zero at any other time.
    address private transient _insurer;

    constructor(
        IERC20 token_,
        address settlement_,
        IProviderRegistry registry_,
        bytes32 payerCodeHash_,
        address authority
    ) AccessManaged(authority) {
        (token, settlement, registry, payerCodeHash) = (token_, settlement_, registry_, payerCodeHash_);
    }

    /// @inheritdoc IInsurerPayerFactory
    function createPayer(address insurer, bytes calldata creationCode)
        external
        restricted
        returns (uint32 payerId, address payer)
    {
        if (insurer == address(0)) revert ZeroInsurer();
        bytes32 codeHash = keccak256(creationCode);
        if (codeHash != payerCodeHash) revert WrongPayerCode(codeHash, payerCodeHash);
        if (payerCount == MAX_PAYERS) revert TooManyPayers();

        payerId = ++payerCount;
        _insurer = insurer;
        payer = Create2.deploy(0, PayerAddress.salt(payerId), creationCode);
        _insurer = address(0);
        emit PayerCreated(payerId, payer, insurer);
    }

    /// @inheritdoc IInsurerPayerFactory
    function blueprint() external view returns (IERC20, address, IProviderRegistry, uint32 payerId, address insurer) {
        insurer = _insurer;
        payerId = insurer == address(0) ? 0 : payerCount;
        return (token, settlement, registry, payerId, insurer);
    }

    /// @inheritdoc IInsurerPayerFactory
    function payerAt(uint32 payerId) external view returns (address) {
        if (payerId == 0 || payerId > payerCount) return address(0);
        return PayerAddress.derive(address(this), payerId, payerCodeHash);
    }
}
