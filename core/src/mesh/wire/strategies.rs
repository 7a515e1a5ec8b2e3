//! Values of every kind, for property tests: whatever these make can be said and is read back as the same.
