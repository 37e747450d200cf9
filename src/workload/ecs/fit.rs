//! Whether a workload fits ECS and the stack that it is for, and on what of it the workload runs.

use super::{Asked, Capacity, Input, cron, flag, listed, table, text};
use crate::diagnostic::{Problem, Problems, codes};
use crate::spec::Data;
use crate::spec::workload::{Architecture, Kind, Scale, Target};

impl Asked<'_> {
    pub(super) fn unsupported(&self, problems: &mut Problems) {
        let name = self.name();
        if let Some(schedule) = &self.workload.batch.schedule {
            self.started_by_the_clock(schedule, problems);
        }
        let Scale::Automatic { min, target, .. } = self.workload.scale else {
            return;
        };
        let lacks = match target {
            Target::Lag(_) => "CloudWatch does not know how many messages of Kafka wait",
            Target::Requests(_) if !self.has_balancer() => {
                "requests are counted by a load balancer, and there is none before it"
            }
            Target::Cpu(_) | Target::Requests(_) => return,
        };
        problems.push(
            Problem::error(
                codes::ECS_UNSUPPORTED,
                format!("`{name}` cannot be scaled by that on ECS: {lacks}"),
            )
            .at(self.span("autoscaling"), "")
            .hint(format!(
                "follow the processors: target_cpu = 70, or say how many run: replicas = {min}"
            ))
            .hint("or run it on an `eks` stack"),
        );
    }

    fn started_by_the_clock(&self, schedule: &str, problems: &mut Problems) {
        let (name, stack) = (self.name(), &self.stack.name.value);
        if cron::expression(schedule).is_none() {
            problems.push(
                Problem::error(
                    codes::ECS_UNSUPPORTED,
                    format!("`{name}` is started on days of the month and days of the week, and EventBridge takes one of them"),
                )
                .at(self.span("schedule"), "")
                .hint("leave one of the two `*`, and make another workload for the other")
                .hint("or run it on an `eks` stack"),
            );
        }
        if self.workload.written.contains_key("timeout") {
            problems.push(
                Problem::error(
                    codes::ECS_UNSUPPORTED,
                    format!("nobody would stop `{name}` after its `timeout`"),
                )
                .at(self.span("timeout"), "")
                .note("ECS has no time limit for tasks, and nothing of mlinfra runs when the clock starts one")
                .hint("remove it, and let the program end by itself, or run it on an `eks` stack"),
            );
        }
        if !self.has_schedules() {
            problems.push(
                Problem::error(
                    codes::ECS_STACK,
                    format!("`{name}` has a schedule, and `{stack}` makes nothing that could start it"),
                )
                .at(self.span("schedule"), "")
                .at(self.stack.name.span.clone(), "this stack")
                .hint(format!("let it:\n[stacks.{stack}]\nschedules = true")),
            );
        }
    }

    /// Whether the stack makes what starts tasks by the clock.
    pub(super) fn has_schedules(&self) -> bool {
        self.given.is_some_and(|given| given.contains_key("schedule_group")) || flag(self.stack, "schedules", false)
    }

    /// Whether the stack has a load balancer that this workload stands behind.
    pub(super) fn has_balancer(&self) -> bool {
        self.workload.kind == Kind::Api
            && match self.given {
                Some(given) => given.contains_key("target_group_arn"),
                None => flag(self.stack, "load_balancer", true),
            }
    }

    pub(super) fn fits_stack(&self, problems: &mut Problems) {
        let (name, stack) = (self.name(), &self.stack.name.value);
        if self.has_balancer() {
            let port = match self.stack.inputs.get("container_port").map(|entry| &entry.value.value) {
                None => Some(8080),
                Some(Data::Integer(port)) => Some(*port),
                Some(_) => None,
            };
            if let Some(port) = port.filter(|port| *port != i64::from(self.workload.port)) {
                problems.push(
                    Problem::error(
                        codes::ECS_STACK,
                        format!(
                            "`{name}` answers on port {}, and the load balancer of `{stack}` reaches {port} alone",
                            self.workload.port
                        ),
                    )
                    .at(self.span("port"), "")
                    .at(self.stack.name.span.clone(), "this stack")
                    .hint(format!(
                        "set port = {port}, or container_port = {} in the stack",
                        self.workload.port
                    )),
                );
            }
            let other = self
                .environment
                .workloads
                .values()
                .find(|other| other.kind == Kind::Api && other.on.value == *stack && other.name.value != name);
            if let Some(other) = other {
                problems.push(
                    Problem::error(
                        codes::ECS_STACK,
                        format!(
                            "`{name}` and `{}` would stand behind one load balancer",
                            other.name.value
                        ),
                    )
                    .at(self.workload.name.span.clone(), "")
                    .at(other.name.span.clone(), "and this one")
                    .note("it sends each request to any of them")
                    .hint("give one of them an `ecs` stack of its own"),
                );
            }
        }
        let roles = table(self.stack, "task_roles");
        let wired = self.stack.inputs.contains_key("task_roles") && roles.is_empty();
        if self.workload.model.is_some() && !wired && !roles.contains_key(name) {
            problems.push(
                Problem::error(
                    codes::ECS_STACK,
                    format!("the tasks of `{name}` may not read its model: `{stack}` has no task role of that name"),
                )
                .at(self.span("model"), "")
                .hint(format!(
                    "add one:\n[stacks.{stack}.task_roles.{name}]\nmodels = \"read\""
                )),
            );
        }
    }

    /// On what it runs: instances with GPUs if it wants any, otherwise what the stack takes by default.
    pub(super) fn capacity(&self, problems: &mut Problems) -> Capacity {
        let groups = table(self.stack, "capacity");
        let later = format!("(known after {})", self.stack.name.value);
        let has_gpu = |data: &Data| matches!(data, Data::Table(group) if matches!(group.get("gpu").map(|entry| &entry.value.value), Some(Data::Boolean(true))));
        if self.workload.gpu > 0 {
            let found = groups.iter().enumerate().find(|(_, (_, data))| has_gpu(data));
            if let Some((index, (name, data))) = found {
                self.same_architecture(name, data, problems);
                let listed = self.given.map(|given| listed(given, "capacity_providers"));
                let provider = match listed {
                    Some(listed) => self.need(listed.get(index).cloned(), "capacity_providers", problems),
                    None => later,
                };
                return Capacity {
                    provider,
                    fargate: false,
                };
            }
        }
        let usual = match text(self.stack, "default_capacity") {
            Input::Is(name) => name,
            Input::Absent | Input::Later => "fargate",
        };
        if let Some(data) = groups.get(usual) {
            self.same_architecture(usual, data, problems);
        }
        let provider = match self.given {
            Some(given) => self.need(given.get("capacity_provider").cloned(), "capacity_provider", problems),
            None => match usual {
                "fargate" => "FARGATE".to_owned(),
                "fargate-spot" => "FARGATE_SPOT".to_owned(),
                _ => later,
            },
        };
        Capacity {
            fargate: matches!(provider.as_str(), "FARGATE" | "FARGATE_SPOT"),
            provider,
        }
    }

    pub(super) fn same_architecture(&self, group: &str, data: &Data, problems: &mut Problems) {
        let Data::Table(fields) = data else { return };
        let arm = matches!(
            fields.get("architecture").map(|entry| &entry.value.value),
            Some(Data::String(name)) if name == "arm64"
        );
        let (has, wants) = match (arm, self.workload.architecture) {
            (true, Architecture::X86_64) => ("arm64", "x86_64"),
            (false, Architecture::Arm64) => ("x86_64", "arm64"),
            _ => return,
        };
        problems.push(
            Problem::error(
                codes::ECS_STACK,
                format!(
                    "`{}` is built for {wants}, and the instances of `{group}` are {has}",
                    self.name()
                ),
            )
            .at(self.span("architecture"), "")
            .hint(format!(
                "set architecture = \"{has}\" in the workload, or choose other instances"
            )),
        );
    }
}
