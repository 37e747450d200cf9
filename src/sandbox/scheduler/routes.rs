//! Methods and paths, and what they ask for.

use super::super::request::Request;

/// The action's name, as in the API reference; `Unknown` when nothing tells it.
pub(in crate::sandbox) fn action(request: &Request) -> String {
    let segments: Vec<&str> = request.path.split('/').filter(|part| !part.is_empty()).collect();
    let name = match (request.method.as_str(), segments.as_slice()) {
        ("GET", ["schedules"]) => "ListSchedules",
        ("POST", ["schedules", _]) => "CreateSchedule",
        ("PUT", ["schedules", _]) => "UpdateSchedule",
        ("GET", ["schedules", _]) => "GetSchedule",
        ("DELETE", ["schedules", _]) => "DeleteSchedule",
        ("GET", ["schedule-groups"]) => "ListScheduleGroups",
        ("POST", ["schedule-groups", _]) => "CreateScheduleGroup",
        ("GET", ["schedule-groups", _]) => "GetScheduleGroup",
        ("DELETE", ["schedule-groups", _]) => "DeleteScheduleGroup",
        ("GET", ["tags", ..]) => "ListTagsForResource",
        ("POST", ["tags", ..]) => "TagResource",
        ("DELETE", ["tags", ..]) => "UntagResource",
        _ => "Unknown",
    };
    name.to_owned()
}

/// The name in the path.
pub(super) fn name(request: &Request) -> Option<&str> {
    let path = request.path.trim_end_matches('/');
    let kinds = ["/schedules/", "/schedule-groups/"];
    kinds.iter().find_map(|kind| path.strip_prefix(kind))
}
