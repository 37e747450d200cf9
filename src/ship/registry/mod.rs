//! Registries: the OCI distribution protocol as ECR speaks it.
