//! The demo's scenes as a user plays them: commit, edit, wipe, unplug, restart, crash.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use base64::Engine as _;
use serde_json::Value;

use super::stage::{MEMBERS, Stage, condition, expect};

/// How long nothing may be written after a start: eight polls of git at one each second, and a probe of each member.
const QUIET: Duration = Duration::from_secs(8);

/// A little more than the longest period in the hub: members' versions and resources are read every 30 s.
const FACTS: Duration = Duration::from_secs(33);

/// Plays every scene, one after the other, in one fleet.
pub(super) fn play(stage: &mut Stage) -> Result<()> {
    shown(stage)?;
    commit_by_polling(stage)?;
    commit_by_sync(stage)?;
    commit_by_hook(stage)?;
    poll(stage, "1s")?;
    edit(stage)?;
    wipe(stage)?;
    mistyped(stage)?;
    unplug(stage)?;
    played_by_program(stage)?;
    settled(stage)?;
    restart(stage)?;
    crash(stage)
}

/// The image that a member runs.
fn image(stage: &Stage, member: &str) -> Result<String> {
    let path = "jsonpath={.spec.template.spec.containers[0].image}";
    stage.kubectl(member, &["get", "deployment", "web", "-n", "shop", "-o", path])
}

/// Waits until every named member runs an image and as many ready replicas as its policy says.
fn runs(stage: &Stage, members: &[(&str, u64)], version: &str) -> Result<()> {
    for (member, replicas) in members {
        stage.until(&format!("{member} to run {version} in {replicas} pods"), |stage| {
            let web = stage.json(member, &["get", "deployment", "web", "-n", "shop"])?;
            let status = &web["status"];
            let ready = status["readyReplicas"] == *replicas && status["updatedReplicas"] == *replicas;
            Ok((ready && image(stage, member)?.ends_with(version)).then_some(()))
        })?;
    }
    stage.print_lines(&format!("{} run web:{version}", members.iter().map(|(m, _)| *m).collect::<Vec<_>>().join(", ")));
    Ok(())
}

/// Commits another version of the image; returns the version.
pub(super) fn new_version(stage: &Stage, version: &str) -> Result<String> {
    let change = |text: String| {
        let lines = text.lines().map(|line| match line.split_once("web:") {
            Some((before, _)) if line.contains("image:") => format!("{before}web:{version}\n"),
            _ => format!("{line}\n"),
        });
        lines.collect()
    };
    let head = stage.commit("shop/web.yaml", change, &format!("Run {version}"))?;
    stage.print_lines(&format!("git commit {}: web:{version}", &head[..6]));
    Ok(head)
}

/// How often the hub asks git.
fn poll(stage: &Stage, interval: &str) -> Result<()> {
    let patch = format!(r#"{{"spec":{{"source":{{"gitRepository":{{"interval":"{interval}"}}}}}}}}"#);
    stage.kubectl("hub", &["patch", "application", "shop", "--type=merge", "-p", &patch])?;
    stage.print_lines(&format!("kubectl patch application shop: git is polled every {interval}"));
    Ok(())
}

fn shown(stage: &Stage) -> Result<()> {
    stage.scene("what people see");
    for args in [&["status"][..], &["status", "app/shop"], &["status", "member/beijing"], &["tree", "app/shop"]] {
        let said = stage.kurator(args)?;
        stage.print_lines(&format!("kurator {}\n{said}", args.join(" ")));
        expect(said.contains("beijing"), || format!("kurator {} does not name beijing", args.join(" ")))?;
    }
    let json: Value = serde_json::from_str(&stage.kurator(&["status", "-o", "json"])?).context("status -o json")?;
    expect(json["members"].as_array().is_some_and(|m| m.len() == MEMBERS.len()), || format!("three members: {json}"))
}

fn commit_by_polling(stage: &Stage) -> Result<()> {
    stage.scene("a commit reaches all members by polling");
    poll(stage, "1s")?;
    new_version(stage, "1.1.0")?;
    runs(stage, MEMBERS, "1.1.0")?;
    stage.converged()
}

fn commit_by_sync(stage: &Stage) -> Result<()> {
    stage.scene("a commit reaches all members by kurator sync");
    poll(stage, "1h")?;
    new_version(stage, "1.2.0")?;
    let said = stage.kurator(&["sync", "app/shop"])?;
    stage.print_lines(&format!("kurator sync app/shop: {said}"));
    runs(stage, MEMBERS, "1.2.0")
}

/// A push hook as a git server sends it: a POST with the hub's secret. kubectl can send one, so nothing else is needed.
fn commit_by_hook(stage: &Stage) -> Result<()> {
    stage.scene("a commit reaches all members by a push hook");
    new_version(stage, "1.3.0")?;
    let secret = stage.json("hub", &["get", "secret", "kurator-push-hook", "-n", "kurator-system"])?;
    let encoded = secret["data"]["token"].as_str().context("the hook's secret has no token")?;
    let token = base64::engine::general_purpose::STANDARD.decode(encoded).context("the hook's token")?;
    let token = format!("--token={}", String::from_utf8(token).context("the hook's token")?);
    let address = stage.send_command("hook")?;
    let server = format!("--server={address}");
    let body = stage.base.join("push.json");
    std::fs::write(&body, r#"{"ref":"refs/heads/main"}"#).context("writing the hook's body")?;
    let body = body.to_string_lossy().into_owned();
    let post = |token: &str| {
        let insecure = "--insecure-skip-tls-verify";
        stage.plain_kubectl(&[&server, token, insecure, "create", "--raw", "/default/shop", "-f", &body])
    };
    let refused = post("--token=wrong");
    expect(refused.is_err(), || "the hook took a wrong secret".to_owned())?;
    stage.print_lines(&format!("POST {address}/default/shop with a wrong secret: refused"));
    stage.print_lines(&format!("POST {address}/default/shop: {}", post(&token)?));
    runs(stage, MEMBERS, "1.3.0")
}

/// Somebody changes and deletes things in members by hand; it is reverted, and the hub says what happened.
fn edit(stage: &Stage) -> Result<()> {
    stage.scene("a hand edit is reverted and reported");
    let said = stage.kubectl("beijing", &["scale", "deployment", "web", "-n", "shop", "--replicas=9"])?;
    stage.print_lines(&format!("kubectl --context beijing scale deployment web --replicas=9: {said}"));
    let fields = reported(stage, "beijing", |drift| drift["deleted"] != true)?;
    runs(stage, &MEMBERS[..1], "1.3.0")?;
    let field = &fields["fields"][0];
    expect(field["path"].as_str().is_some_and(|p| p.contains("replicas")), || format!("which field? {fields}"))?;
    expect(field["manager"] == "kubectl", || format!("which manager? {fields}"))?;
    expect(field["time"].is_string(), || format!("when? {fields}"))?;

    let uid = stage.kubectl("shanghai", &["get", "service", "web", "-n", "shop", "-o", "jsonpath={.metadata.uid}"])?;
    stage.print_lines(&format!(
        "kubectl --context shanghai delete: {}",
        stage.kubectl("shanghai", &["delete", "service", "web", "-n", "shop",])?
    ));
    let deleted = reported(stage, "shanghai", |drift| drift["deleted"] == true)?;
    expect(deleted["object"].as_str().is_some_and(|o| o.contains("web")), || format!("which object? {deleted}"))?;
    stage.until("the service to be made again", |stage| {
        let now =
            stage.kubectl("shanghai", &["get", "service", "web", "-n", "shop", "-o", "jsonpath={.metadata.uid}"])?;
        Ok((now != uid).then_some(()))
    })?;
    stage.converged()?;
    // Statuses are stored at most once a second; views are at once.
    stage.until("the blame in the status", |stage| {
        let said = stage.kurator(&["status", "app/shop"])?;
        Ok((said.contains("by kubectl") && said.contains("does not record by whom")).then_some(()))
    })?;
    stage.print_lines(&said);
    Ok(())
}

/// Waits for a member's drift report.
pub(super) fn reported(stage: &Stage, member: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
    let drift = stage.until(&format!("{member}'s drift to be reported"), |stage| {
        let reports = stage.reports()?;
        let mine = reports.into_iter().find(|r| r["member"] == member).unwrap_or_default();
        Ok(Some(mine["lastDrift"].clone()).filter(|d| d.is_object() && wanted(d)))
    })?;
    stage.print_lines(&format!("the hub reports for {member}: {drift}"));
    Ok(drift)
}

/// A commit that empties the directory deletes nothing until exactly that is approved.
fn wipe(stage: &Stage) -> Result<()> {
    stage.scene("a wiped directory deletes nothing until approved");
    stage.git(&["rm", "-r", "--quiet", "shop"])?;
    stage.git(&["commit", "--quiet", "--message", "Oops"])?;
    stage.print_lines("git rm -r shop; git commit");
    let app = held(stage, 2)?;
    let ready = condition(&app, "DeletionsHeld");
    stage.print_lines(&format!("held: {}", ready["message"].as_str().unwrap_or_default()));
    for (member, replicas) in MEMBERS {
        let web = stage.json(member, &["get", "deployment", "web", "-n", "shop"])?;
        expect(web["status"]["readyReplicas"] == *replicas, || format!("{member} lost something: {web}"))?;
    }
    stage.print_lines("every member still runs everything");
    let wrong = stage.kurator(&["approve", "app/shop", "--yes", "--digest", &format!("sha256:{}", "0".repeat(64))]);
    expect(wrong.is_err(), || "an approval of another list was taken".to_owned())?;
    stage.print_lines("kurator approve with another digest: refused");
    stage.print_lines(&stage.kurator(&["approve", "app/shop", "--yes"])?);
    for (member, _) in MEMBERS {
        stage.until(&format!("{member} to be empty"), |stage| {
            let gone = stage.kubectl(member, &["get", "namespace", "shop"]);
            Ok(gone.is_err_and(|e| format!("{e:#}").contains("NotFound")).then_some(()))
        })?;
    }
    stage.print_lines("approved: namespace shop is gone in every member");
    stage.git(&["revert", "--no-edit", "HEAD"])?;
    stage.print_lines("git revert HEAD");
    runs(stage, MEMBERS, "1.3.0")?;
    stage.converged()
}

/// A typing error on the hub deletes nothing either; it is shown where and why, and taken back.
fn mistyped(stage: &Stage) -> Result<()> {
    stage.scene("a typing error in a selector, and an emptied fleet, delete nothing");
    let before = versions(stage)?;
    let fleet = stage.json("hub", &["get", "fleet", "demo"])?["spec"]["clusters"].clone();
    let patch = serde_json::json!({"spec": {"clusters": []}}).to_string();
    stage.print_lines(&stage.kubectl("hub", &["patch", "fleet", "demo", "--type=merge", "-p", &patch])?);
    let app = held(stage, 2)?;
    stage.print_lines(&format!("held: {}", condition(&app, "DeletionsHeld")["message"].as_str().unwrap_or_default()));
    let said = stage.kurator(&["status"])?;
    stage.print_lines(&said);
    expect(said.contains("fleet demo is empty; next: `kurator approve app/shop"), || {
        "status does not say why".to_owned()
    })?;
    let patch = serde_json::json!({"spec": {"clusters": fleet}}).to_string();
    stage.print_lines(&stage.kubectl("hub", &["patch", "fleet", "demo", "--type=merge", "-p", &patch])?);
    stage.converged()?;
    let policies = stage.application()?["spec"]["syncPolicies"].clone();
    let mut typo = policies.clone();
    for policy in typo.as_array_mut().into_iter().flatten() {
        policy["destination"]["clusterSelector"]["matchLabels"]["size"] = "smal".into();
    }
    for (policies, is_held) in [(typo, true), (policies, false)] {
        let patch = serde_json::json!({"spec": {"syncPolicies": policies}}).to_string();
        stage.print_lines(&stage.kubectl("hub", &["patch", "application", "shop", "--type=merge", "-p", &patch])?);
        if is_held {
            let app = held(stage, 2)?;
            stage.print_lines(&format!(
                "held: {}",
                condition(&app, "DeletionsHeld")["message"].as_str().unwrap_or_default()
            ));
            stage.print_lines(&stage.kurator(&["status", "app/shop"])?);
        }
    }
    stage.converged()?;
    let after = versions(stage)?;
    expect(before == after, || format!("a member was touched:\n{before:#?}\n{after:#?}"))?;
    stage.print_lines("taken back: no member was touched");
    Ok(())
}

/// Waits until so many policies hold their deletions.
pub(super) fn held(stage: &Stage, policies: usize) -> Result<Value> {
    stage.until("the deletions to be held", |stage| {
        let app = stage.application()?;
        let lists = app["status"]["held"].as_array().map_or(0, Vec::len);
        let is_held = lists == policies && condition(&app, "DeletionsHeld")["status"] == "True";
        Ok(is_held.then_some(app))
    })
}

/// A member that does not answer is Unknown; the others go on; it catches up.
fn unplug(stage: &Stage) -> Result<()> {
    stage.scene("an unplugged member hurts nobody else");
    stage.print_lines(&stage.kurator(&["demo", "unplug", "beijing"])?);
    let ready = stage.member("beijing", "Unknown")?;
    stage.print_lines(&format!("beijing: {}", ready["message"].as_str().unwrap_or_default()));
    let said = stage.kurator(&["status"])?;
    stage.print_lines(&said);
    expect(said.contains("Unknown"), || "status does not say Unknown".to_owned())?;
    new_version(stage, "1.4.0")?;
    runs(stage, &MEMBERS[1..], "1.4.0")?;
    let app = stage.application()?;
    expect(condition(&app, "Ready")["status"] != "True", || {
        "the application is called Ready, though beijing is unknown".to_owned()
    })?;
    stage.print_lines(&stage.kurator(&["demo", "plug", "beijing"])?);
    stage.member("beijing", "True")?;
    runs(stage, MEMBERS, "1.4.0")?;
    stage.converged()
}

/// The scenes that the program itself plays, as its users see them.
fn played_by_program(stage: &Stage) -> Result<()> {
    for scene in [&["edit"][..], &["wipe"], &["restore"], &["commit"]] {
        stage.scene(&format!("kurator demo {}", scene[0]));
        stage.print_lines(&stage.kurator(&[&["demo"], scene].concat())?);
    }
    stage.converged()
}

/// Nothing is written while nothing changes, no-op applies included. What a member's resources became after the last
/// commit may be seen up to one period of facts later; after that, a whole period must pass without a write.
fn settled(stage: &Stage) -> Result<()> {
    stage.scene("a settled fleet writes nothing");
    let mut last = (stage.counters()?, Instant::now());
    stage.until("a period without a write", |stage| {
        let now = stage.counters()?;
        if now != last.0 {
            last = (now, Instant::now());
        }
        Ok((last.1.elapsed() >= FACTS).then_some(()))
    })?;
    stage.print_lines(&format!(
        "{} s with git polled every second: no mutating request, hub and members",
        FACTS.as_secs()
    ));
    Ok(())
}

/// Waits until two looks see the same counters; the last status of a change may still be on its way.
fn quiet(stage: &Stage) -> Result<Value> {
    let mut last = Value::Null;
    stage.until("the counters to rest", |stage| {
        let now = stage.counters()?;
        let same = now == last;
        last = now.clone();
        Ok(same.then_some(now))
    })
}

/// What must be the same after a restart: every object's identity and version, by member.
fn versions(stage: &Stage) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for (member, _) in MEMBERS {
        let list = stage.json(
            member,
            &["get", "namespace/shop", "deployments/web", "services/web", "configmaps/settings", "-n", "shop"],
        )?;
        for item in list["items"].as_array().into_iter().flatten() {
            let meta = &item["metadata"];
            let name = format!("{member} {} {}", item["kind"], meta["name"]);
            all.insert(name, format!("{} {}", meta["uid"], meta["resourceVersion"]));
        }
    }
    Ok(all)
}

/// After a start: everything as it was, and nobody wrote.
fn as_before(stage: &Stage, before: &BTreeMap<String, String>) -> Result<()> {
    for (member, _) in MEMBERS {
        stage.member(member, "True")?;
    }
    stage.converged()?;
    stage.until("every unit to be looked at", |stage| {
        let reports = stage.reports()?;
        Ok((reports.len() == MEMBERS.len() && reports.iter().all(|r| r["phase"] == "Applied")).then_some(()))
    })?;
    let now = versions(stage)?;
    expect(*before == now, || format!("something changed:\n{before:#?}\n{now:#?}"))?;
    stage.throughout(QUIET, |stage| {
        let counters = stage.counters()?;
        let wrote = counters.as_object().into_iter().flatten().any(|(_, c)| c["mutations"] != 0);
        expect(!wrote, || format!("somebody wrote after the start: {counters}"))
    })?;
    stage.print_lines(&format!("{} objects have the UID and version of before; nobody wrote anything", now.len()));
    Ok(())
}

fn restart(stage: &Stage) -> Result<()> {
    stage.scene("kurator demo restart");
    quiet(stage)?;
    let before = versions(stage)?;
    stage.print_lines(&stage.kurator(&["demo", "restart"])?);
    as_before(stage, &before)
}

fn crash(stage: &mut Stage) -> Result<()> {
    stage.scene("kill -9");
    quiet(stage)?;
    let before = versions(stage)?;
    stage.kill()?;
    stage.print_lines("killed; nothing was told");
    stage.up()?;
    as_before(stage, &before)
}
