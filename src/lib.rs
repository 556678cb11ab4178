//! pod-hardener: gives every pod secure settings at deploy time, and leaves it running.
