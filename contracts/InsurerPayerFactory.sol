// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {InsurerPayer} from "./InsurerPayer.sol";
import {IInsurerPayerFactory} from "./interfaces/IInsurerPayerFactory.sol";
import {IProviderRegistry} from "./interfaces/IProviderRegistry.sol";

/// @dev Documented in IInsurerPayerFactory.
contract InsurerPayerFactory is IInsurerPayerFactory, AccessManaged {
    IERC20 public immutable token;
    address public immutable settlement;
    IProviderRegistry public immutable registry;

    /// @inheritdoc IInsurerPayerFactory
    uint32 public payerCount;

    /// @inheritdoc IInsurerPayerFactory
    mapping(uint32 payerId => address payer) public payerAt;

    constructor(IERC20 token_, address settlement_, IProviderRegistry registry_, address authority)
        AccessManaged(authority)
    {
        (token, settlement, registry) = (token_, settlement_, registry_);
    }

    /// @inheritdoc IInsurerPayerFactory
    function createPayer(address insurer) external restricted returns (uint32 payerId, address payer) {
        if (insurer == address(0)) revert ZeroInsurer();
        payerId = ++payerCount;
        payer = address(new InsurerPayer(token, settlement, registry, payerId, insurer));
        payerAt[payerId] = payer;
        emit PayerCreated(payerId, payer, insurer);
    }
}
