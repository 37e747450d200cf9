//! The model registry: versions of models in groups.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Answer, Asked, State, invalid, page, seconds, text};

/// A version of a group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Package {
    pub(super) arn: String,
    group: String,
    number: u64,
    created: i64,
    body: Map<String, Value>,
}

impl Package {
    fn approval(&self) -> String {
        let given = self.body.get("ModelApprovalStatus").and_then(Value::as_str);
        given.unwrap_or("PendingManualApproval").to_owned()
    }

    fn summary(&self) -> Map<String, Value> {
        let summary = json!({
            "ModelPackageGroupName": self.group,
            "ModelPackageVersion": self.number,
            "ModelPackageArn": self.arn,
            "CreationTime": seconds(self.created),
            "ModelPackageStatus": "Completed",
            "ModelApprovalStatus": self.approval(),
        });
        summary.as_object().cloned().unwrap_or_default()
    }
}

impl State {
    pub(super) fn create_package(&mut self, asked: Asked<'_>, group: &str) -> Answer {
        let token = asked.text("ClientToken");
        let versions = self.packages.entry(group.to_owned()).or_default();
        // The same token again is the same request again.
        let same = versions
            .iter()
            .find(|version| !token.is_empty() && version.body.get("ClientToken") == Some(&json!(token)));
        if let Some(same) = same {
            return Ok(json!({ "ModelPackageArn": same.arn }));
        }
        let number = versions.last().map_or(1, |last| last.number + 1);
        let arn = format!("{}/{number}", asked.arn("model-package", group));
        versions.push(Package {
            arn: arn.clone(),
            group: group.to_owned(),
            number,
            created: asked.context.now,
            body: asked.fields(),
        });
        self.keep_tags(asked, &arn);
        Ok(json!({ "ModelPackageArn": arn }))
    }

    fn package(&mut self, asked: Asked<'_>, field: &str) -> Result<&mut Package, super::ApiError> {
        let name = asked.text(field);
        let found = self.packages.values_mut().flatten().find(|package| package.arn == name);
        found.ok_or_else(|| invalid(format!("ModelPackage {name} does not exist.")))
    }

    pub(super) fn describe_package(&mut self, asked: Asked<'_>) -> Answer {
        let package = self.package(asked, "ModelPackageName")?;
        let mut answer = package.body.clone();
        for written in ["Tags", "ClientToken"] {
            answer.shift_remove(written);
        }
        answer.extend(package.summary());
        answer.insert("ModelPackageName".to_owned(), json!(package.arn));
        answer.insert(
            "ModelPackageStatusDetails".to_owned(),
            json!({ "ValidationStatuses": [] }),
        );
        Ok(Value::Object(answer))
    }

    pub(super) fn update_package(&mut self, asked: Asked<'_>) -> Answer {
        let changes = asked.fields();
        let package = self.package(asked, "ModelPackageArn")?;
        for field in ["ModelApprovalStatus", "ApprovalDescription"] {
            if let Some(value) = changes.get(field) {
                package.body.insert(field.to_owned(), value.clone());
            }
        }
        Ok(json!({ "ModelPackageArn": package.arn }))
    }

    pub(super) fn delete_package(&mut self, asked: Asked<'_>) -> Answer {
        let arn = self.package(asked, "ModelPackageName")?.arn.clone();
        for versions in self.packages.values_mut() {
            versions.retain(|version| version.arn != arn);
        }
        self.tags.remove(&arn);
        Ok(json!({}))
    }

    pub(super) fn list_packages(&self, asked: Asked<'_>) -> Answer {
        let group = asked.name("ModelPackageGroupName");
        let approval = text(asked.body, "ModelApprovalStatus");
        let wanted = |package: &&Package| {
            (group.is_empty() || package.group == group) && (approval.is_empty() || package.approval() == approval)
        };
        let items = self.packages.values().flatten().filter(wanted).map(|package| {
            // Versions that were made in the same moment stay in their order.
            let place = format!("{:010}", package.number);
            (place, package.created, Value::Object(package.summary()))
        });
        Ok(page(asked, "ModelPackageSummaryList", items))
    }
}
