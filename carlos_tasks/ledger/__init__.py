"""The chain of hashes over what was decided, taken in, approved and reported, and the keys that sign it.

`chain` enters records, `verify` holds them against their entries, `keys` and `public_keys` sign and tell whose a
signature is. docs/moderation.md#what-the-chain-proves says what that proves, and what it does not.
"""
