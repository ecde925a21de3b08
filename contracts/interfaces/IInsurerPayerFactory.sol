// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IProviderRegistry} from "./IProviderRegistry.sol";

/// @notice Makes the payer contracts; only these exist for settlement. A payer's address follows from its id
/// by CREATE2 (EIP-1014), so nobody has to look it up: see `payer/PayerAddress.sol`.
interface IInsurerPayerFactory {
    /// @notice A payer contract was made for `insurer`.
    event PayerCreated(uint32 indexed payerId, address indexed payer, address indexed insurer);

    error ZeroInsurer();
    error WrongPayerCode(bytes32 codeHash, bytes32 expected);
    error TooManyPayers();

    /// @notice Make a payer contract owned by `insurer`. Governor only.
    /// @param creationCode of InsurerPayer; nothing else than what `payerCodeHash` names is accepted
    /// @return payerId counted from 1, below 2^24
    /// @return payer the new contract
    function createPayer(address insurer, bytes calldata creationCode) external returns (uint32 payerId, address payer);

    /// @notice What a payer that is being made reads in its constructor.
    function blueprint()
        external
        view
        returns (IERC20 token, address settlement, IProviderRegistry registry, uint32 payerId, address insurer);

    /// @notice keccak256 of the creation code that `createPayer` accepts.
    function payerCodeHash() external view returns (bytes32);

    /// @notice The payer contract of an id; zero where it is unknown.
    function payerAt(uint32 payerId) external view returns (address);

    /// @notice How many payer contracts were made.
    function payerCount() external view returns (uint32);
}
