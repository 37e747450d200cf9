//! Parameter Store: what stacks write down for other tools.
