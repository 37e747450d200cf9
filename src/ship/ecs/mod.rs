//! ECS: a revision of a task definition, rolled out as a service or run as a task.
