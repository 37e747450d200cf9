//! Sizes of tasks: what was asked for, and the next that Fargate has.

use super::{Asked, Capacity};
use crate::diagnostic::{Problem, Problems, codes};

impl Asked<'_> {
    pub(super) fn size(&self, capacity: &Capacity, problems: &mut Problems) -> (u32, u64) {
        let wanted = (units(self.workload.milli_cpu), self.workload.memory_mib);
        if !capacity.fargate {
            return wanted;
        }
        fargate(wanted.0, wanted.1).unwrap_or_else(|| {
            problems.push(
                Problem::error(
                    codes::ECS_SIZE,
                    format!(
                        "`{}` asks for {} processors and {} MiB, and no task of Fargate has that",
                        self.name(),
                        decimal(self.workload.milli_cpu),
                        self.workload.memory_mib
                    ),
                )
                .at(self.span("memory"), "")
                .note("the largest has 16 processors and 122880 MiB")
                .hint("ask for less, or run it on instances: `capacity` and `default_capacity` of the stack"),
            );
            wanted
        })
    }
}

/// Processors in ECS's units, of which one has 1024.
pub(super) fn units(milli_cpu: u32) -> u32 {
    let units = (u64::from(milli_cpu) * 1024).div_ceil(1000);
    u32::try_from(units).unwrap_or(u32::MAX)
}

pub(super) fn decimal(milli: u32) -> String {
    let text = format!("{}.{:03}", milli / 1000, milli % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The smallest size that holds both ("Task CPU and memory", task definition parameters for Fargate).
pub(super) fn fargate(units: u32, memory_mib: u64) -> Option<(u32, u64)> {
    /// Processor units, least and most memory, and its steps.
    const SIZES: [(u32, u64, u64, u64); 7] = [
        (256, 512, 2_048, 512),
        (512, 1_024, 4_096, 1_024),
        (1_024, 2_048, 8_192, 1_024),
        (2_048, 4_096, 16_384, 1_024),
        (4_096, 8_192, 30_720, 1_024),
        (8_192, 16_384, 61_440, 4_096),
        (16_384, 32_768, 122_880, 8_192),
    ];
    SIZES.into_iter().find_map(|(cpu, least, most, step)| {
        let mut memory = memory_mib.max(least).next_multiple_of(step);
        // Of the smallest, the steps are 512, 1024 and 2048.
        if cpu == 256 && memory > 1_024 {
            memory = 2_048.max(memory);
        }
        (cpu >= units && memory <= most).then_some((cpu, memory))
    })
}
