//! ECS: task definitions, services and tasks.
