//! CloudWatch Logs: the lines of containers and jobs.
