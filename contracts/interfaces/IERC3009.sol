// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice Transfers by signature with random nonces (ERC-3009). Keys sign by ECDSA (65 bytes, low s),
/// contracts answer by ERC-1271.
interface IERC3009 {
    /// @notice An authorization was used and cannot be used again.
    event AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce);
    /// @notice An authorization was cancelled by its author.
    event AuthorizationCanceled(address indexed authorizer, bytes32 indexed nonce);

    error AuthorizationNotYetValid(uint256 validAfter, uint256 now_);
    error AuthorizationExpired(uint256 validBefore, uint256 now_);
    error AuthorizationUsedOrCanceled(address authorizer, bytes32 nonce);
    error InvalidAuthorizationSignature(address authorizer);
    error CallerMustBePayee(address caller, address payee);

    /// @notice Was this nonce of the authorizer used or cancelled?
    function authorizationState(address authorizer, bytes32 nonce) external view returns (bool);

    /// @notice Transfer as `from` has signed; anyone may submit.
    function transferWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external;

    /// @notice Transfer as `from` has signed; only the payee may submit.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external;

    /// @notice Make an authorization unusable; signed by its author.
    function cancelAuthorization(address authorizer, bytes32 nonce, bytes calldata signature) external;
}
