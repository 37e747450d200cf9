//! Groups of schedules ("CreateScheduleGroup", "DeleteScheduleGroup"). What is in a group goes with it, at once.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::reply::seconds;
use super::super::request::Request;
use super::super::service::Context;
use super::{Answer, DEFAULT, Scheduler, absent, invalid, page, rules, set, taken};

/// A group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Group {
    created: i64,
}

impl Scheduler {
    pub(super) fn create_group(&mut self, name: &str, context: &Context) -> Answer {
        rules::name(name)?;
        if self.has_group(name) {
            return taken(&format!("Schedule group {name}"));
        }
        let group = Group { created: context.now };
        self.groups.insert(name.to_owned(), group);
        Ok(json!({ "ScheduleGroupArn": arn(name, context) }))
    }

    pub(super) fn get_group(&self, name: &str, context: &Context) -> Answer {
        match self.has_group(name) {
            true => Ok(self.describe_group(name, context)),
            false => absent(&format!("Schedule group {name}")),
        }
    }

    pub(super) fn delete_group(&mut self, name: &str, context: &Context) -> Answer {
        if name == DEFAULT {
            return invalid("The default schedule group cannot be deleted.");
        }
        if self.groups.remove(name).is_none() {
            return absent(&format!("Schedule group {name}"));
        }
        let within = format!("{name}/");
        let keys = self.schedules.keys().filter(|key| key.starts_with(&within));
        let keys: Vec<String> = keys.cloned().collect();
        for key in keys {
            self.remove(&key, context);
        }
        Ok(json!({}))
    }

    pub(super) fn list_groups(&self, request: &Request, context: &Context) -> Answer {
        let prefix = request.param("NamePrefix").unwrap_or_default();
        let names = std::iter::once(DEFAULT).chain(self.groups.keys().map(String::as_str));
        let listed = names.filter(|name| name.starts_with(prefix));
        let listed = listed.map(|name| self.describe_group(name, context));
        page("ScheduleGroups", listed.collect(), request)
    }

    pub(super) fn has_group(&self, name: &str) -> bool {
        name == DEFAULT || self.groups.contains_key(name)
    }

    fn describe_group(&self, name: &str, context: &Context) -> Value {
        let mut described = json!({ "Arn": arn(name, context), "Name": name, "State": "ACTIVE" });
        if let Some(group) = self.groups.get(name) {
            set(&mut described, "CreationDate", seconds(group.created));
            set(&mut described, "LastModificationDate", seconds(group.created));
        }
        described
    }
}

fn arn(name: &str, context: &Context) -> String {
    format!(
        "arn:aws:scheduler:{}:{}:schedule-group/{name}",
        context.region, context.account
    )
}
