//! IAM, with AWS's own managed policies (the emulator has none, and refuses to attach what it does not have) and the
//! policy simulator.

use serde_json::json;
use winterbaume_core::{MockResponse, StatefulService as _, default_account_id};
use winterbaume_iam::{IamService, IamStateView};

use super::super::faults::DeniedBy;
use super::super::inventory::Item;
use super::super::reply;
use super::super::request::Request;
use super::super::service::{Context, Service};
use super::emulated::{Emulated, at_once};

/// The service.
pub(super) struct Iam(Emulated<IamService>);

impl Iam {
    pub(super) fn new() -> Self {
        Self(Emulated::new("iam", IamService::new))
    }

    /// Has a managed policy of AWS exist from the moment on that somebody names it.
    fn know(&self, arn: &str, context: &Context) -> Result<(), String> {
        let Some(path) = arn.strip_prefix("arn:aws:iam::aws:policy") else {
            return Ok(());
        };
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let document = r#"{"Version":"2012-10-17","Statement":[]}"#;
        let view: IamStateView = serde_json::from_value(json!({ "policies": { arn: {
            "policy_name": name,
            "policy_id": "ANPASANDBOX0000000000",
            "arn": arn,
            "path": format!("{folder}/"),
            "default_version_id": "v1",
            "description": "a managed policy of AWS; its statements are not simulated",
            "create_date": null,
            "update_date": null,
            "is_attachable": true,
            "document": document,
            "versions": [{ "version_id": "v1", "document": document, "is_default_version": true, "create_date": null }],
            "attachment_count": 0,
        } } }))
        .map_err(|error| error.to_string())?;
        let known = at_once(self.0.service().snapshot(default_account_id(), &context.region))?;
        if known.policies.contains_key(arn) {
            return Ok(());
        }
        at_once(self.0.service().merge(default_account_id(), &context.region, view))?.map_err(|error| error.to_string())
    }
}

impl Iam {
    /// GetRole with the permissions boundary, which the emulator keeps and does not tell.
    fn with_boundary(&self, mut response: MockResponse, role: &str, context: &Context) -> MockResponse {
        let view = at_once(self.0.service().snapshot(default_account_id(), &context.region));
        let boundary = view
            .ok()
            .and_then(|view| view.roles.get(role)?.permissions_boundary.clone());
        let text = String::from_utf8_lossy(&response.body).into_owned();
        if let Some(arn) = boundary.filter(|_| !text.contains("<PermissionsBoundary>")) {
            let arn = arn.replace(default_account_id(), &context.account);
            let told = format!(
                "<PermissionsBoundary><PermissionsBoundaryType>Policy</PermissionsBoundaryType>\
                 <PermissionsBoundaryArn>{arn}</PermissionsBoundaryArn></PermissionsBoundary></Role>"
            );
            response.body = text.replacen("</Role>", &told, 1).into();
        }
        response
    }
}

/// Allows everything that no fault denies: nobody's policies are evaluated ("IAM policy testing with the policy
/// simulator" has what the answers look like).
fn simulate(form: &[(String, String)], context: &Context) -> MockResponse {
    let listed = |name: &str| -> Vec<&str> {
        let prefix = format!("{name}.member.");
        let entries = form.iter().filter(|(key, _)| key.starts_with(&prefix));
        entries.map(|(_, value)| value.as_str()).collect()
    };
    let resources = listed("ResourceArns");
    let resource = resources.first().copied().unwrap_or("*");
    let results: String = listed("ActionNames")
        .into_iter()
        .map(|action| {
            let denied = context.facts.denies(action, resource);
            let decision = match denied {
                None => "allowed",
                Some(Some(DeniedBy::Policy)) => "explicitDeny",
                Some(_) => "implicitDeny",
            };
            let missing = match denied {
                Some(Some(DeniedBy::Condition)) => "<member>aws:RequestTag/owner</member>",
                _ => "",
            };
            let by = |who: DeniedBy| denied == Some(Some(who));
            format!(
                "<member><EvalActionName>{action}</EvalActionName><EvalResourceName>{resource}</EvalResourceName>\
                 <EvalDecision>{decision}</EvalDecision><MatchedStatements/>\
                 <MissingContextValues>{missing}</MissingContextValues>\
                 <OrganizationsDecisionDetail><AllowedByOrganizations>{}</AllowedByOrganizations></OrganizationsDecisionDetail>\
                 <PermissionsBoundaryDecisionDetail><AllowedByPermissionsBoundary>{}</AllowedByPermissionsBoundary></PermissionsBoundaryDecisionDetail>\
                 </member>",
                !by(DeniedBy::Organisation),
                !by(DeniedBy::Boundary),
            )
        })
        .collect();
    reply::xml(
        200,
        format!(
            "<SimulatePrincipalPolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
             <SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated>\
             <EvaluationResults>{results}</EvaluationResults></SimulatePrincipalPolicyResult>\
             <ResponseMetadata><RequestId>00000000-0000-4000-8000-000000000000</RequestId></ResponseMetadata>\
             </SimulatePrincipalPolicyResponse>"
        ),
    )
}

impl Service for Iam {
    fn handle(&mut self, request: &Request, context: &Context) -> MockResponse {
        let form = request.form();
        if request.action == "SimulatePrincipalPolicy" {
            return simulate(&form, context);
        }
        let named = form
            .iter()
            .find(|(key, _)| key == "PolicyArn")
            .map(|(_, arn)| arn.as_str());
        if let Some(Err(reason)) = named.map(|arn| self.know(arn, context)) {
            return super::super::reply::ApiError::new(500, "ServiceFailure", reason).to_response(request);
        }
        let response = self.0.handle(request, context);
        let role = form.iter().find(|(key, _)| key == "RoleName");
        match (request.action.as_str(), role) {
            ("GetRole", Some((_, role))) if response.status < 300 => self.with_boundary(response, role, context),
            _ => response,
        }
    }

    fn export(&mut self, context: &Context) -> Result<Vec<u8>, String> {
        self.0.export(context)
    }

    fn import(&mut self, state: &[u8], context: &Context) -> Result<(), String> {
        self.0.import(state, context)
    }

    fn inventory(&mut self, context: &Context) -> Vec<Item> {
        self.0
            .inventory(context)
            .into_iter()
            .filter(|item| !item.id.starts_with("arn:aws:iam::aws:"))
            .collect()
    }
}
