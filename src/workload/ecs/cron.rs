//! Schedules as EventBridge Scheduler writes them.
//!
//! From "Schedule types in EventBridge Scheduler", Amazon EventBridge Scheduler User Guide: six fields, days of the week from
//! 1, and of the two kinds of days only one. Steps and ranges are written out: they mean the same to everybody then.

/// Name, least and greatest of each of cron's five fields, and how EventBridge writes what is meant.
struct Field {
    least: u32,
    greatest: u32,
    names: &'static [&'static str],
}

const MINUTE: Field = numbers(0, 59);
const HOUR: Field = numbers(0, 23);
const DAY: Field = numbers(1, 31);
const MONTH: Field = Field {
    least: 1,
    greatest: 12,
    names: &[
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
    ],
};
const WEEKDAY: Field = Field {
    least: 0,
    greatest: 6,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
};

const fn numbers(least: u32, greatest: u32) -> Field {
    Field {
        least,
        greatest,
        names: &[],
    }
}

/// `cron(…)` for a schedule of five fields, or one of the names that stand for one, as they are checked when the file is
/// read; none if days of the month and of the week are both given: Kubernetes starts on either, and EventBridge takes one.
/// Given is what is not `*` or `?`, also where it is every day (robfig/cron, which reads them for Kubernetes).
pub(super) fn expression(schedule: &str) -> Option<String> {
    let five = match schedule {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        other => other,
    };
    let texts: Vec<&str> = five.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = texts.as_slice() else {
        return None;
    };
    let given = |text: &str| !text.split(',').any(|part| matches!(part, "*" | "?" | "*/1" | "?/1"));
    let (days, weekdays) = (DAY.written(day), WEEKDAY.written(weekday));
    let (days, weekdays) = match (given(day), given(weekday)) {
        (_, false) => (days, "?".to_owned()),
        (false, true) => ("?".to_owned(), weekdays),
        // On either, and one of them is always.
        (true, true) if days == "*" || weekdays == "*" => ("*".to_owned(), "?".to_owned()),
        (true, true) => return None,
    };
    Some(format!(
        "cron({} {} {days} {} {weekdays} *)",
        MINUTE.written(minute),
        HOUR.written(hour),
        MONTH.written(month)
    ))
}

impl Field {
    /// The field as EventBridge takes it: `*`, or a list of values and of runs of three and more.
    fn written(&self, text: &str) -> String {
        let mut values: Vec<u32> = text.split(',').flat_map(|part| self.values(part)).collect();
        values.sort_unstable();
        values.dedup();
        if values.len() == (self.least..=self.greatest).count() {
            return "*".to_owned();
        }
        let runs = values.chunk_by(|one, next| one + 1 == *next);
        let written = runs.flat_map(|run| match run {
            [first, _, .., last] => vec![format!("{}-{}", self.name(*first), self.name(*last))],
            few => few.iter().map(|value| self.name(*value)).collect(),
        });
        written.collect::<Vec<_>>().join(",")
    }

    fn values(&self, part: &str) -> Vec<u32> {
        let (range, step) = part.split_once('/').unwrap_or((part, "1"));
        let step = step.parse().unwrap_or(1).max(1);
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (self.number(from), self.number(to)),
            None if matches!(range, "*" | "?") => (self.least, self.greatest),
            // A number with a step goes on from there.
            None if part.contains('/') => (self.number(range), self.greatest),
            None => (self.number(range), self.number(range)),
        };
        (from..=to).step_by(step).collect()
    }

    fn number(&self, text: &str) -> u32 {
        let named = self.names.iter().position(|name| text.eq_ignore_ascii_case(name));
        let named = named.and_then(|at| u32::try_from(at).ok()).map(|at| at + self.least);
        named.or_else(|| text.parse().ok()).unwrap_or(self.least)
    }

    /// Names say the same in both, and numbers do not.
    fn name(&self, value: u32) -> String {
        let at = usize::try_from(value.saturating_sub(self.least)).unwrap_or_default();
        self.names
            .get(at)
            .map_or_else(|| value.to_string(), |name| (*name).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_mean_the_same_to_eventbridge() {
        for (five, six) in [
            ("15 2 * * *", "cron(15 2 * * ? *)"),
            ("*/15 * * * *", "cron(0,15,30,45 * * * ? *)"),
            ("0 8-18/2 * * 1-5", "cron(0 8,10,12,14,16,18 ? * MON-FRI *)"),
            ("30 6 1,15 * *", "cron(30 6 1,15 * ? *)"),
            ("0 0 1 jan,7 ?", "cron(0 0 1 JAN,JUL ? *)"),
            ("5 4 ? * sun", "cron(5 4 ? * SUN *)"),
            ("5 4 * * 0,6", "cron(5 4 ? * SUN,SAT *)"),
            ("40/10 0 * * *", "cron(40,50 0 * * ? *)"),
            ("0 0 * * */2", "cron(0 0 ? * SUN,TUE,THU,SAT *)"),
            ("*/1 * 1-31 1-12 0-6", "cron(* * * * ? *)"),
            ("1-59 1-23 * * 1-5", "cron(1-59 1-23 ? * MON-FRI *)"),
            ("0,1,2,5 0 * 11,12 *", "cron(0-2,5 0 * NOV,DEC ? *)"),
            ("0 0 1-31 * 1-5", "cron(0 0 * * ? *)"),
            ("0 0 1 * 0-6", "cron(0 0 * * ? *)"),
            ("0 0 1-31 * *", "cron(0 0 * * ? *)"),
            ("0 0 * * 0-6", "cron(0 0 ? * * *)"),
            ("@hourly", "cron(0 * * * ? *)"),
            ("@daily", "cron(0 0 * * ? *)"),
            ("@midnight", "cron(0 0 * * ? *)"),
            ("@weekly", "cron(0 0 ? * SUN *)"),
            ("@monthly", "cron(0 0 1 * ? *)"),
            ("@yearly", "cron(0 0 1 JAN ? *)"),
            ("@annually", "cron(0 0 1 JAN ? *)"),
        ] {
            assert_eq!(expression(five).as_deref(), Some(six), "{five}");
        }
    }

    #[test]
    fn two_kinds_of_days_are_one_too_many() {
        assert_eq!(expression("0 0 1 * mon"), None);
        assert_eq!(expression("0 0 */2 * 1-5"), None);
    }
}
