// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice Makes the payer contracts; only these exist for settlement.
interface IInsurerPayerFactory {
    /// @notice A payer contract was made for `insurer`.
    event PayerCreated(uint32 indexed payerId, address indexed payer, address indexed insurer);

    error ZeroInsurer();

    /// @notice Make a payer contract owned by `insurer`. Governor only.
    /// @return payerId counted from 1
    /// @return payer the new contract
    function createPayer(address insurer) external returns (uint32 payerId, address payer);

    /// @notice The payer contract of an id; zero where it is unknown.
    function payerAt(uint32 payerId) external view returns (address);

    /// @notice How many payer contracts were made.
    function payerCount() external view returns (uint32);
}
