// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice EIP-712 struct hashes of what a patient signs instead of calling. The domain is that of the
/// contract that acts: name "chainbill", version "1", the chain, and PatientEscrow's address, or
/// ClaimSettlement's for DisputeClaim.
library PatientIntents {
    bytes32 internal constant REQUEST_WITHDRAWAL_TYPEHASH =
        keccak256("RequestWithdrawal(address patient,uint64 amount,uint64 nonce,uint256 deadline)");
    bytes32 internal constant CANCEL_WITHDRAWAL_TYPEHASH =
        keccak256("CancelWithdrawal(address patient,uint64 nonce,uint256 deadline)");
    bytes32 internal constant WITHDRAW_TYPEHASH = keccak256("Withdraw(address patient,uint64 nonce,uint256 deadline)");
    bytes32 internal constant ACCEPT_PAYER_TYPEHASH =
        keccak256("AcceptPayer(address patient,uint32 payerId,uint32 secondaryPayerId,uint64 nonce,uint256 deadline)");
    bytes32 internal constant SET_LIMITS_TYPEHASH =
        keccak256("SetLimits(address patient,uint64 perEventLimit,uint64 perDayLimit,uint64 nonce,uint256 deadline)");
    bytes32 internal constant GRANT_CONSENT_TYPEHASH = keccak256(
        "GrantConsent(address patient,uint32 providerId,uint64 perEventLimit,uint40 expiresAt,bool selfPay,uint64 nonce,uint256 deadline)"
    );
    bytes32 internal constant REVOKE_CONSENT_TYPEHASH =
        keccak256("RevokeConsent(address patient,uint32 providerId,uint64 nonce,uint256 deadline)");
    bytes32 internal constant USE_NONCE_TYPEHASH = keccak256("UseNonce(address patient,uint64 nonce,uint256 deadline)");
    bytes32 internal constant DISPUTE_CLAIM_TYPEHASH =
        keccak256("DisputeClaim(bytes32 claimId,uint256 nonce,uint256 deadline)");

    function requestWithdrawal(address patient, uint64 amount, uint64 nonce, uint256 deadline)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(REQUEST_WITHDRAWAL_TYPEHASH, patient, amount, nonce, deadline));
    }

    function cancelWithdrawal(address patient, uint64 nonce, uint256 deadline) internal pure returns (bytes32) {
        return keccak256(abi.encode(CANCEL_WITHDRAWAL_TYPEHASH, patient, nonce, deadline));
    }

    function withdraw(address patient, uint64 nonce, uint256 deadline) internal pure returns (bytes32) {
        return keccak256(abi.encode(WITHDRAW_TYPEHASH, patient, nonce, deadline));
    }

    function acceptPayer(address patient, uint32 payerId, uint32 secondaryPayerId, uint64 nonce, uint256 deadline)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(ACCEPT_PAYER_TYPEHASH, patient, payerId, secondaryPayerId, nonce, deadline));
    }

    function setLimits(address patient, uint64 perEventLimit, uint64 perDayLimit, uint64 nonce, uint256 deadline)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(SET_LIMITS_TYPEHASH, patient, perEventLimit, perDayLimit, nonce, deadline));
    }

    function grantConsent(
        address patient,
        uint32 providerId,
        uint64 perEventLimit,
        uint40 expiresAt,
        bool selfPay,
        uint64 nonce,
        uint256 deadline
    ) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(GRANT_CONSENT_TYPEHASH, patient, providerId, perEventLimit, expiresAt, selfPay, nonce, deadline)
        );
    }

    function revokeConsent(address patient, uint32 providerId, uint64 nonce, uint256 deadline)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(REVOKE_CONSENT_TYPEHASH, patient, providerId, nonce, deadline));
    }

    function useNonce(address patient, uint64 nonce, uint256 deadline) internal pure returns (bytes32) {
        return keccak256(abi.encode(USE_NONCE_TYPEHASH, patient, nonce, deadline));
    }

    function disputeClaim(bytes32 claimId, uint256 nonce, uint256 deadline) internal pure returns (bytes32) {
        return keccak256(abi.encode(DISPUTE_CLAIM_TYPEHASH, claimId, nonce, deadline));
    }
}
