//! TLS to the database: how much of the server's certificate is checked.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::DatabaseError;

/// What is checked of the server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// There is no TLS.
    Off,
    /// Encrypted, with whomever it is (`prefer`).
    Nothing,
    /// Signed by an authority of this file, whatever its name (`verify-ca`).
    Authority(PathBuf),
    /// Signed by an authority of this file, or that the machine trusts, and made for this host.
    Full(Option<PathBuf>),
}

/// A TLS client for the database.
#[derive(Clone)]
pub(crate) struct Tls {
    check: Check,
    /// `None`: no TLS.
    pub(crate) connector: Option<MakeRustlsConnect>,
}

impl Tls {
    pub(crate) fn none() -> Self {
        Self { check: Check::Off, connector: None }
    }

    /// Reads the certificates once, at start, so that mistakes show there.
    pub(crate) fn new(check: Check) -> Result<Self, DatabaseError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("the provider has the cipher suites of TLS 1.2 and 1.3");
        let own = |verifier: Arc<dyn ServerCertVerifier>, builder: rustls::ConfigBuilder<ClientConfig, _>| {
            builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
        };
        let config = match &check {
            Check::Off => return Ok(Self::none()),
            Check::Nothing => own(Arc::new(Opportunistic(provider)), builder),
            Check::Authority(file) => own(Arc::new(AnyName(verifier(file, provider)?)), builder),
            Check::Full(Some(file)) => own(verifier(file, provider)?, builder),
            Check::Full(None) => builder
                .with_platform_verifier()
                .map_err(|error| DatabaseError::PlatformCertificates(error.to_string()))?
                .with_no_client_auth(),
        };
        Ok(Self { check, connector: Some(MakeRustlsConnect::new(config)) })
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.check.fmt(f)
    }
}

fn verifier(file: &Path, provider: Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, DatabaseError> {
    let refused = |reason: String| DatabaseError::RootCertificate { path: file.to_owned(), reason };
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| refused(pem_reason(&error)))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| refused(pem_reason(&error)))?;
        roots.add(certificate).map_err(|error| refused(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(refused("it holds no certificate in PEM form".to_owned()));
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| refused(error.to_string()))
}

fn pem_reason(error: &rustls::pki_types::pem::Error) -> String {
    match error {
        rustls::pki_types::pem::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// Checks everything but the name.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // It compares the name last, when the chain has been found good.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Takes any certificate, for `prefer` and `allow` alone: there the other side may refuse TLS altogether, so checking
/// who it is would protect no one, while encryption still keeps out those who only listen.
#[derive(Debug)]
struct Opportunistic(Arc<CryptoProvider>);

impl ServerCertVerifier for Opportunistic {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
