//! Tests database connections: their settings, the error when there are none, and TLS.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use diesel::sql_types::{Bool, Integer, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rollbook::clock::Clock;
use rollbook::store::db::embedded::Embedded;
use rollbook::store::db::embedded::Options;
use rollbook::store::db::error::DatabaseError;
use rollbook::store::db::pool::{Connection, Database, PoolSettings};
use rollbook::store::db::source::DatabaseSource;

use crate::support::database::TestDatabase;

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

#[derive(QueryableByName)]
struct Encrypted {
    #[diesel(sql_type = Bool)]
    ssl: bool,
}

#[tokio::test]
async fn a_connection_carries_our_name_and_limits() {
    let empty = TestDatabase::empty().await;
    let database = empty.connect().await;
    let mut conn = database.get().await.unwrap();
    for (name, expected) in [
        ("application_name", "rollbook"),
        ("statement_timeout", "30s"),
        ("idle_in_transaction_session_timeout", "1min"),
    ] {
        let query = format!("SELECT current_setting('{name}') AS value");
        assert_eq!(sql_query(query).get_result::<Setting>(&mut conn).await.unwrap().value, expected, "{name}");
    }
    let mut single = database.single().await.unwrap();
    let query = "SELECT current_setting('statement_timeout') AS value";
    assert_eq!(sql_query(query).get_result::<Setting>(&mut single).await.unwrap().value, "0");
}

#[derive(QueryableByName)]
struct Backend {
    #[diesel(sql_type = Integer)]
    pid: i32,
}

/// A thread's own connections are used first; when they are taken, the shared ones.
#[tokio::test]
async fn a_thread_takes_its_own_connections_and_then_those_of_all() {
    async fn pid(conn: &mut Connection) -> i32 {
        sql_query("SELECT pg_backend_pid() AS pid").get_result::<Backend>(conn).await.unwrap().pid
    }
    let empty = TestDatabase::empty().await;
    let shared = Database::connect(empty.source(), PoolSettings { size: 1, ..PoolSettings::default() }).await.unwrap();
    let of_all = pid(&mut shared.get().await.unwrap()).await;
    let thread = shared.with_own(1).unwrap();
    let mut own = thread.get().await.unwrap();
    let own_pid = pid(&mut own).await;
    assert_ne!(own_pid, of_all);
    let mut next = thread.get().await.unwrap();
    assert_eq!(pid(&mut next).await, of_all);
    drop((own, next));
    assert_eq!(pid(&mut thread.get().await.unwrap()).await, own_pid);
    assert_eq!(pid(&mut shared.get().await.unwrap()).await, of_all, "nobody else takes it");
    assert_eq!(pid(&mut shared.with_own(0).unwrap().get().await.unwrap()).await, of_all);
    // What all share is closed with the server; nothing hangs on what is not there any more.
    shared.close();
    let _held = thread.get().await.unwrap();
    assert!(matches!(thread.get().await, Err(DatabaseError::Closed)));
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named_without_its_password() {
    // A port that was free a moment ago.
    let port = free_port();
    let url = format!("postgres://u:s3cret@127.0.0.1:{port}/d?sslmode=disable");
    let source = DatabaseSource::parse(&url.into()).unwrap();
    let line = Database::connect(source, PoolSettings::default()).await.unwrap_err().to_string();
    assert!(line.starts_with(&format!("the database at 127.0.0.1:{port} cannot be reached: ")), "{line}");
    assert!(line.contains("refused") && !line.contains("s3cret") && !line.contains('\n'), "{line}");
}

#[tokio::test]
async fn what_the_server_says_is_passed_on() {
    let empty = TestDatabase::empty().await;
    let missing = empty.source().with_database("no_such_database");
    let error = Database::connect(missing, PoolSettings::default()).await.unwrap_err();
    assert!(error.to_string().contains("database \"no_such_database\" does not exist"), "{error}");
}

#[tokio::test]
async fn each_sslmode_asks_of_the_server_what_it_says() {
    let folder = tempfile::Builder::new().permissions(passable()).tempdir().unwrap();
    let port = free_port();
    let settings = vec![("listen_addresses".to_owned(), "127.0.0.1".to_owned())];
    let options = Options { settings, port: Some(port) };
    let clock = Clock::system();
    let plain = Embedded::start(folder.path(), &options, &clock).await.unwrap();
    let try_url = |host: &str, parameters: String| {
        let url = format!("postgres://rollbook@{host}:{port}/rollbook?{parameters}");
        async move { encrypted(&url).await }
    };

    // A server without TLS: only a client that does not insist on TLS can connect.
    assert_eq!(try_url("localhost", "sslmode=prefer".to_owned()).await, Ok(false));
    let refused = try_url("localhost", "sslmode=require".to_owned()).await.unwrap_err();
    assert!(refused.contains("server does not support TLS"), "{refused}");

    let (ours, others) = (folder.path().join("ours.pem"), folder.path().join("others.pem"));
    let (certificate, key) = certificates(&ours, &others);
    let database = DatabaseSource::local(plain.url_config());
    give_certificate(&database, &certificate, &key).await;
    plain.stop().await.unwrap();
    let encrypting = Embedded::start(folder.path(), &options, &clock).await.unwrap();
    let (ours, others) = (ours.display(), others.display());

    for (host, parameters, expected) in [
        ("localhost", "sslmode=disable".to_owned(), Ok(false)),
        ("localhost", "sslmode=prefer".to_owned(), Ok(true)),
        ("localhost", String::new(), Ok(true)),
        ("localhost", format!("sslmode=prefer&sslrootcert={others}"), Err("not trusted")),
        ("localhost", "sslmode=require".to_owned(), Err("name that authority's certificate with sslrootcert")),
        ("localhost", format!("sslmode=require&sslrootcert={ours}"), Ok(true)),
        ("localhost", format!("sslmode=verify-full&sslrootcert={ours}"), Ok(true)),
        ("localhost", format!("sslmode=verify-full&sslrootcert={others}"), Err("not trusted")),
        ("localhost", format!("sslmode=verify-ca&sslrootcert={others}"), Err("not trusted")),
        // The certificate is for localhost.
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={ours}"), Err("not valid for name")),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={ours}"), Ok(true)),
    ] {
        let found = try_url(host, parameters.clone()).await;
        match (&found, expected) {
            (Err(line), Err(words)) => assert!(line.contains(words), "{host} {parameters}: {line}"),
            _ => assert_eq!(found, expected.map_err(str::to_owned), "{host} {parameters}"),
        }
    }
    encrypting.stop().await.unwrap();
}

/// Whether a connection by this URL is encrypted, or why there is none.
async fn encrypted(url: &str) -> Result<bool, String> {
    let connect = async || -> Result<_, DatabaseError> {
        let source = DatabaseSource::parse(&url.to_owned().into())?;
        source.connect().await
    };
    let mut conn = connect().await.map_err(|error| error.to_string())?;
    let query = sql_query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
    Ok(query.get_result::<Encrypted>(&mut conn).await.unwrap().ssl)
}

/// Writes the certificates of two authorities; returns certificate and key of a server that the first has signed.
fn certificates(ours: &Path, others: &Path) -> (String, String) {
    let authority = |file: &Path| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        fs::write(file, issuer.pem()).unwrap();
        issuer
    };
    authority(others);
    let issuer = authority(ours);
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    (server.pem(), key.serialize_pem())
}

/// Lets the server itself write the files, so that they belong to its user. The server uses them from its next start
/// on.
async fn give_certificate(database: &DatabaseSource, certificate: &str, key: &str) {
    let mut conn = database.connect().await.unwrap();
    for (file, text) in [("server.crt", certificate), ("server.key", key)] {
        let lines = format!("SELECT unnest(string_to_array('{}', E'\\n'))", text.trim().replace('\r', ""));
        let statement = format!("COPY ({lines}) TO PROGRAM 'umask 077; cat > {file}'");
        sql_query(statement).execute(&mut conn).await.unwrap();
    }
    sql_query("ALTER SYSTEM SET ssl = on").execute(&mut conn).await.unwrap();
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// As root the cluster runs as another user, who has to pass through the folder.
fn passable() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o711)
}
