// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

// Every span of time that the protocol knows.

// How long before it takes effect any change must be announced that could take money or right
// from a signed batch.
uint40 constant NOTICE = 1 days;

// The longest a signed batch stays good. Below NOTICE, so that nothing outruns a batch.
uint40 constant MAX_BATCH_LIFE = 6 hours;

// How long an announced withdrawal may be taken before it lapses.
uint40 constant WITHDRAWAL_LIFE = 7 days;

// How far ahead terms may be announced: a slip of a digit must not freeze a plan for ever.
uint40 constant MAX_ANNOUNCEMENT = 400 days;

// How long before it takes effect a provider must announce another payout address.
uint40 constant PAYOUT_CHANGE_DELAY = 2 days;

// How long after it was settled a claim may be disputed.
uint40 constant DISPUTE_WINDOW = 7 days;

// How long the quorum has for objecting to sections that a provider has announced, before they settle without it;
// and for how long they then may.
uint40 constant QUORUM_SILENCE = 7 days;
uint40 constant UNANSWERED_LIFE = 7 days;

// How much later the dispute window of a claim begins to count that settled without the quorum, so that it ends 30
// days after the claim settled. Whole BUCKETs, so that its credit matures as much later.
uint40 constant UNANSWERED_DELAY = 23 days;

// Credits of one such span (whole days since 1970, UTC) mature together.
uint40 constant BUCKET = 1 days;

// How long a provider has to answer a dispute, and how long the arbiter has to rule on an answered one.
uint40 constant ANSWER_TIME = 3 days;
uint40 constant RULING_TIME = 14 days;
