//! One sandbox, several processes, and some of them die: what is answered has happened, and the folder stays readable.
//!
//! Nothing here waits for a time. A process is killed after a number of lines or answers that a seed chooses.

use std::io::{BufRead, BufReader};
use std::process::Command;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_sdk_dynamodb::{Client, config};

use crate::project::Project;
use crate::server::Server;

fn serve(folder: &std::path::Path) -> Server {
    let mut mlinfra = Command::new(env!("CARGO_BIN_EXE_mlinfra"));
    mlinfra.current_dir(folder).env_clear();
    Server::start(mlinfra, &["--directory", "shared"])
}

/// A client that asks once.
fn client(server: &Server) -> Client {
    let settings = config::Builder::new()
        .behavior_version(config::BehaviorVersion::latest())
        .region(config::Region::new("us-east-1"))
        .credentials_provider(config::Credentials::new("any", "any", None, None, "tests"))
        .retry_config(config::retry::RetryConfig::disabled())
        .endpoint_url(&server.url);
    Client::from_conf(settings.build())
}

async fn make_table(client: &Client) {
    let attribute = AttributeDefinition::builder().attribute_name("id");
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash);
    client
        .create_table()
        .table_name("locks")
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute.attribute_type(ScalarAttributeType::S).build().unwrap())
        .key_schema(key.build().unwrap())
        .send()
        .await
        .unwrap();
}

async fn add_one(client: &Client) -> bool {
    let add = client.update_item().table_name("locks").update_expression("ADD n :one");
    let add = add.key("id", AttributeValue::S("count".to_owned()));
    let answer = add.expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
    answer.send().await.is_ok()
}

async fn count(client: &Client) -> usize {
    let get = client.get_item().table_name("locks").consistent_read(true);
    let got = get
        .key("id", AttributeValue::S("count".to_owned()))
        .send()
        .await
        .unwrap();
    got.item().unwrap()["n"].as_n().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_contenders_in_several_processes_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let servers: Vec<Server> = (0..3).map(|_| serve(folder.path())).collect();
    make_table(&client(&servers[0])).await;
    for round in 0..15 {
        let contenders = (0..6).map(|who| {
            let put = client(&servers[who % 3]).put_item().table_name("locks");
            let put = put.item("id", AttributeValue::S(format!("round {round}")));
            let put = put.item("who", AttributeValue::N(who.to_string()));
            tokio::spawn(put.condition_expression("attribute_not_exists(id)").send())
        });
        let answers = futures::future::join_all(contenders).await;
        let won = answers.into_iter().filter(|answer| answer.as_ref().unwrap().is_ok());
        assert_eq!(won.count(), 1, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_was_answered_outlives_the_process_that_answered_it() {
    let mut random = fastrand::Rng::with_seed(8);
    let folder = tempfile::tempdir().unwrap();
    let survivor = serve(folder.path());
    make_table(&client(&survivor)).await;
    let (mut answered, mut unanswered) = (0, 0);
    for round in 0..6 {
        let mut doomed = serve(folder.path());
        let (here, there) = (client(&survivor), client(&doomed));
        let meanwhile = tokio::spawn(async move {
            let mut answered = 0;
            for _ in 0..10 {
                answered += usize::from(add_one(&here).await);
            }
            answered
        });
        for _ in 0..random.usize(1..8) {
            assert!(add_one(&there).await, "round {round}");
            answered += 1;
        }
        // One more is under way when the process dies; nobody can know whether it will have happened.
        let last = tokio::spawn(async move { add_one(&there).await });
        for _ in 0..random.usize(0..64) {
            tokio::task::yield_now().await;
        }
        doomed.child.kill().unwrap();
        match last.await.unwrap() {
            true => answered += 1,
            false => unanswered += 1,
        }
        let beside = meanwhile.await.unwrap();
        assert_eq!(beside, 10, "the other process goes on");
        answered += beside;
        let counted = count(&client(&survivor)).await;
        assert!(
            (answered..=answered + unanswered).contains(&counted),
            "round {round}: {counted} of {answered} answered and {unanswered} unanswered"
        );
    }
}

#[test]
fn a_run_that_is_killed_at_any_line_leaves_a_sandbox_that_can_be_read_and_gone_on_with() {
    let mut random = fastrand::Rng::with_seed(3);
    let project = Project::small().with("MLINFRA_SANDBOX_TIME_SCALE", "2000");
    for round in 0..6 {
        let mut run = project.start("apply dev --sandbox --yes -v");
        let lines = BufReader::new(run.stderr.take().unwrap()).lines();
        let last: Vec<String> = lines.take(random.usize(1..30)).map_while(Result::ok).collect();
        run.kill().unwrap();
        run.wait().unwrap();
        let listed = project.mlinfra("sandbox list --format json").exits(0).json();
        assert!(
            listed["items"].is_array(),
            "round {round}, killed after {last:?}: {listed}"
        );
    }
    let project = project.with("MLINFRA_SANDBOX_TIME_SCALE", "100000");
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    project.mlinfra("plan dev --sandbox --detailed-exitcode").exits(0);
}
