//! Files in, files out, whatever happens in between.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Error};
use std::path::Path;
use std::process::{Command, Stdio};

use mlinfra_inference::batch::{Outcome, Step, answer};
use mlinfra_inference::model::Model;
use serde_json::{Value, json};

use crate::support::{model, model_folder, row};

/// Rows of which each has another answer, and every fifth none.
fn json_lines(count: u32) -> String {
    (0..count)
        .map(|index| {
            let mut row = row();
            row[0] = f64::from(index) * 7.0;
            if index % 5 == 4 {
                "{\"amount\": tru\n".to_owned()
            } else {
                format!("{}\n", json!(row))
            }
        })
        .collect()
}

fn csv(count: u32) -> String {
    let lines = json_lines(count);
    let rows = lines.lines().map(|line| {
        let row: Result<Vec<f64>, _> = serde_json::from_str(line);
        row.map_or_else(
            |_| "\"broken,\nrecord\"".to_owned(),
            |row| row.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        )
    });
    let header = "amount,hour,distance_from_home_km,account_age_days,transactions_last_hour,amount_to_average,\
                  merchant_risk,card_present,foreign_country,failed_pins_last_day,days_since_password_changed";
    std::iter::once(header.to_owned())
        .chain(rows)
        .map(|line| line + "\n")
        .collect()
}

/// The files of a folder that have their final names, with what is in them, but for the record of progress.
fn results(folder: &Path) -> BTreeMap<String, String> {
    fs_err::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                fs_err::read_to_string(entry.path()).unwrap(),
            )
        })
        .filter(|(name, _)| !name.contains("progress"))
        .collect()
}

fn run(model: &Model, input: &Path, output: &Path) -> Outcome {
    answer(model, input, output, 3, &mut |_| Ok(())).unwrap()
}

#[tokio::test]
async fn every_record_has_a_line_and_those_without_an_answer_are_listed() {
    let model = model().await;
    for (name, text) in [("in.jsonl", json_lines(10)), ("in.csv", csv(10))] {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join(name);
        fs_err::write(&input, text).unwrap();
        let output = folder.path().join("out");
        fs_err::create_dir(&output).unwrap();
        assert_eq!(
            run(&model, &input, &output),
            Outcome {
                records: 10,
                failed: 2,
                skipped: false
            }
        );
        let results = results(&output);
        let lines: Vec<&str> = results[&format!("{name}.out")].lines().collect();
        assert_eq!(lines.len(), 10, "{lines:?}");
        let errors: Vec<Value> = results[&format!("{name}.errors.jsonl")]
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(
            errors
                .iter()
                .map(|error| error["record"].as_u64().unwrap())
                .collect::<Vec<_>>(),
            [5, 10]
        );
        if name == "in.csv" {
            assert_eq!(lines[4], ",,,,");
            assert!(lines[0].starts_with("0,0.9"), "{}", lines[0]);
        } else {
            assert!(
                serde_json::from_str::<Value>(lines[4]).unwrap()["error"]
                    .as_str()
                    .unwrap()
                    .contains("not JSON")
            );
            assert_eq!(serde_json::from_str::<Value>(lines[0]).unwrap()["label"], json!(0));
        }
        assert_eq!(
            run(&model, &input, &output),
            Outcome {
                records: 10,
                failed: 2,
                skipped: true
            }
        );
    }
}

#[tokio::test]
async fn a_run_that_dies_at_any_step_ends_the_same_when_it_is_run_again() {
    let model = model().await;
    for (name, text) in [
        ("in.jsonl", json_lines(11)),
        ("in.csv", csv(11)),
        ("in.ndjson", json_lines(12)),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join(name);
        fs_err::write(&input, text).unwrap();
        let whole = folder.path().join("whole");
        fs_err::create_dir(&whole).unwrap();
        let mut steps = Vec::new();
        let expected = answer(&model, &input, &whole, 3, &mut |step| {
            steps.push(step);
            Ok(())
        })
        .unwrap();
        assert!(
            steps.ends_with(&[Step::ProgressReplaced, Step::ErrorsNamed, Step::OutputNamed]),
            "{steps:?}"
        );

        for (dies_at, last) in steps.iter().enumerate() {
            let output = folder.path().join(format!("dies-at-{dies_at}"));
            fs_err::create_dir(&output).unwrap();
            let mut step = 0;
            let died = answer(&model, &input, &output, 3, &mut |_| {
                step += 1;
                if step > dies_at {
                    Err(Error::other("died"))
                } else {
                    Ok(())
                }
            });
            assert!(died.is_err());
            let outcome = run(&model, &input, &output);
            assert_eq!(
                (outcome.records, outcome.failed),
                (expected.records, expected.failed),
                "{last:?}"
            );
            assert_eq!(results(&output), results(&whole), "died after {last:?}, step {dies_at}");
        }

        // And when it dies after every single step.
        let output = folder.path().join("dies-always");
        fs_err::create_dir(&output).unwrap();
        let mut progressed = 0;
        while answer(&model, &input, &output, 3, &mut |step| {
            if step == Step::ProgressReplaced || step == Step::ErrorsNamed || step == Step::OutputNamed {
                return Err(Error::other("died"));
            }
            Ok(())
        })
        .is_err()
        {
            progressed += 1;
            assert!(progressed < 20, "it does not get on");
        }
        assert_eq!(results(&output), results(&whole));
    }
}

#[tokio::test]
async fn what_a_dead_run_wrote_beyond_its_progress_is_cut_off() {
    let model = model().await;
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.jsonl");
    fs_err::write(&input, json_lines(6)).unwrap();
    let died = answer(&model, &input, folder.path(), 3, &mut |step| {
        if step == Step::ProgressReplaced {
            Err(Error::other("died"))
        } else {
            Ok(())
        }
    });
    assert!(died.is_err());
    let partial = folder.path().join("in.jsonl.out.partial");
    let mut torn = fs_err::read(&partial).unwrap();
    torn.extend_from_slice(b"{\"label\": 0, \"prob");
    fs_err::write(&partial, torn).unwrap();
    run(&model, &input, folder.path());
    let text = fs_err::read_to_string(folder.path().join("in.jsonl.out")).unwrap();
    assert!(
        text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()),
        "{text}"
    );
    assert_eq!(text.lines().count(), 6);
}

#[tokio::test]
async fn an_input_that_changed_in_between_is_not_mixed_with_the_old_one() {
    let model = model().await;
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.jsonl");
    fs_err::write(&input, json_lines(6)).unwrap();
    run(&model, &input, folder.path());
    fs_err::write(&input, json_lines(7)).unwrap();
    let failure = answer(&model, &input, folder.path(), 3, &mut |_| Ok(())).unwrap_err();
    assert!(
        failure.to_string().contains("changed since a part of it was answered"),
        "{failure}"
    );
    assert_eq!(failure.code(), 2);
}

fn batch(input: &Path, output: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inference"));
    command.args(["--log", "debug", "batch", "--chunk", "10"]);
    command
        .arg("--model")
        .arg(model_folder())
        .arg("--input")
        .arg(input)
        .arg("--output")
        .arg(output);
    command.stderr(Stdio::piped()).env_remove("RUST_LOG");
    command
}

/// The real thing: the process is killed with SIGKILL again and again, each time after its next chunk.
#[test]
fn a_process_that_is_killed_again_and_again_ends_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.jsonl");
    // Hundreds of chunks, so that a kill that comes late still comes in the middle.
    fs_err::write(&input, json_lines(4_000)).unwrap();
    let whole = folder.path().join("whole");
    let output = batch(&input, &whole).output().unwrap();
    assert_eq!(output.status.code(), Some(5), "some records have no answer");

    let killed = folder.path().join("killed");
    let mut kills = 0;
    let code = loop {
        let mut process = batch(&input, &killed).spawn().unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let done = |line: std::io::Result<String>| line.unwrap().contains("\"chunk done\"");
        // The last one is left alone.
        if kills < 6 && log.any(done) {
            process.kill().unwrap();
            kills += 1;
        }
        log.for_each(drop);
        if let Some(code) = process.wait().unwrap().code() {
            break code;
        }
    };
    assert!(kills > 0);
    assert_eq!(code, 5);
    assert_eq!(results(&killed), results(&whole));
}

#[test]
fn inputs_that_cannot_be_are_usage_errors() {
    let folder = tempfile::tempdir().unwrap();
    for (name, says) in [
        ("in.parquet", "an ending that is not known"),
        ("folder", "holds nothing to answer"),
    ] {
        let input = folder.path().join(name);
        if name == "folder" {
            fs_err::create_dir(&input).unwrap()
        } else {
            fs_err::write(&input, "").unwrap()
        }
        let output = batch(&input, &folder.path().join("out")).output().unwrap();
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(log.contains(says), "{log}");
        assert_eq!(output.status.code(), Some(2));
    }
    let output = batch(&folder.path().join("none.csv"), &folder.path().join("out"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("none.csv"));
}
