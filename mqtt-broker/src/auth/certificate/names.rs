//! The names in a certificate.

use mqtt_codec::Text;
use x509_cert::TbsCertificate;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::{DirectoryString, GeneralName};

use super::Doubt;
use crate::config::CertificateName;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// The one name of that kind. Of several none can be told to be the right one, so they are as bad as none: programs differ in
/// which they take, and a CA may have looked at another.
pub(super) fn name(certificate: &TbsCertificate, kind: CertificateName) -> Result<Text, Doubt> {
    let name = match kind {
        CertificateName::CommonName => common_name(certificate)?,
        CertificateName::Subject if certificate.subject().is_empty() => return Err(Doubt::NoName),
        CertificateName::Subject => certificate.subject().to_string(),
        CertificateName::Dns | CertificateName::Email | CertificateName::Uri => {
            alternative_name(certificate, kind)?
        }
    };
    if name.is_empty() {
        return Err(Doubt::NoName);
    }
    // a NUL ends a name for some programs and not for others; text of MQTT has none
    Text::new(&name).map_err(|_| Doubt::Characters)
}

fn common_name(certificate: &TbsCertificate) -> Result<String, Doubt> {
    let attributes = certificate.subject().iter().filter(|attribute| attribute.oid == COMMON_NAME);
    let attribute = only(attributes)?;
    let text = DirectoryString::try_from(&attribute.value).map_err(|_| Doubt::Characters)?;
    Ok(text.value().into_owned())
}

fn alternative_name(certificate: &TbsCertificate, kind: CertificateName) -> Result<String, Doubt> {
    let found = certificate.get_extension::<SubjectAltName>().map_err(|_| Doubt::Damaged)?;
    let (_, SubjectAltName(names)) = found.ok_or(Doubt::NoName)?;
    let names = names.iter().filter_map(|name| match (name, kind) {
        (GeneralName::DnsName(name), CertificateName::Dns)
        | (GeneralName::Rfc822Name(name), CertificateName::Email)
        | (GeneralName::UniformResourceIdentifier(name), CertificateName::Uri) => Some(name),
        _ => None,
    });
    only(names).map(|name| name.as_str().to_owned())
}

fn only<T>(mut names: impl Iterator<Item = T>) -> Result<T, Doubt> {
    match (names.next(), names.next()) {
        (Some(name), None) => Ok(name),
        (None, _) => Err(Doubt::NoName),
        (Some(_), Some(_)) => Err(Doubt::Names),
    }
}
