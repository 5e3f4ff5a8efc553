//! Tests the log of the program: a repeated message is logged once, and then counted.

use std::fs;

use nix::sys::signal::Signal;
use rollbook::crypto::token::Token;
use tokio_postgres::{Config, NoTls};

use crate::support::program::{Program, folder, serve};

/// Runs a statement on the private cluster, in another database than the program's.
async fn on_cluster(data: &std::path::Path, statement: &str) {
    let pid_file = fs::read_to_string(data.join("postgres/postmaster.pid")).unwrap();
    let socket = pid_file.lines().nth(4).unwrap().to_owned();
    let mut config = Config::new();
    config.host_path(socket).user("rollbook").dbname("postgres");
    let (client, connection) = config.connect(NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute(statement).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_requests_without_a_database_are_a_few_lines() {
    const REQUESTS: usize = 300;
    let data = folder();
    let program = Program::start(serve(data.path())).await;
    let log_before = program.err().len();
    on_cluster(
        data.path(),
        "ALTER DATABASE rollbook ALLOW_CONNECTIONS false;
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'rollbook'",
    )
    .await;
    let made_up = Token::random();
    for _ in 0..REQUESTS {
        assert_eq!(program.get("/scim/v2/Users", made_up.reveal()).await.status, 503);
    }
    on_cluster(data.path(), "ALTER DATABASE rollbook ALLOW_CONNECTIONS true").await;
    let mut program = program;
    program
        .until("the database is back", async |program| {
            program.get("/scim/v2/Users", made_up.reveal()).await.status == 401
        })
        .await;
    program.signal(Signal::SIGTERM);
    let (_, _, log) = program.ended().await;
    let faults: Vec<&str> = log[log_before..].lines().filter(|line| line.contains("ERROR")).collect();
    assert!(faults.len() < 60, "{}", faults.join("\n"));
    let of_requests = faults
        .iter()
        .filter(|line| line.contains("the database cannot be used") || line.contains("a database statement failed"));
    let told: usize = of_requests
        .map(|line| match line.split_once("times=") {
            Some((_, times)) => times.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap(),
            None => 1,
        })
        .sum();
    assert!(told >= REQUESTS, "each is told or counted: {told}\n{}", faults.join("\n"));
}
