//! The names in a certificate's extensions as text: `DNS:example.org, IP Address:127.0.0.1`. A name that could be mistaken for
//! several, or for another kind, is quoted as JSON quotes. Node: `PrintGeneralName` in deps/ncrypto.

use std::ffi::{c_char, c_int, c_ulong, c_void};
use std::fmt::Write as _;

use foreign_types::ForeignTypeRef as _;
use openssl::asn1::{Asn1ObjectRef, Asn1StringRef};
use openssl::x509::{X509NameRef, X509Ref};
use openssl_sys as ffi;

use super::memory::MemoryBio;

/// How a distinguished name is written, by OpenSSL's flags.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NameStyle {
    /// One part a line: `subject` and `issuer`.
    Lines,
    /// RFC 2253, for what is quoted afterwards.
    Directory,
}

const ESCAPE_2253: c_ulong = 0x1;
const ESCAPE_CONTROL: c_ulong = 0x2;
const CONVERT_UTF8: c_ulong = 0x10;
const DUMP_UNKNOWN: c_ulong = 0x100;
const DUMP_DER: c_ulong = 0x200;
const COMMA_PLUS: c_ulong = 1 << 16;
const MULTILINE: c_ulong = 4 << 16;
const REVERSED: c_ulong = 1 << 20;
const DUMP_UNKNOWN_FIELDS: c_ulong = 1 << 24;

impl NameStyle {
    const fn flags(self) -> c_ulong {
        match self {
            Self::Lines => ESCAPE_2253 | ESCAPE_CONTROL | CONVERT_UTF8 | MULTILINE,
            Self::Directory => {
                ESCAPE_2253
                    | CONVERT_UTF8
                    | DUMP_UNKNOWN
                    | DUMP_DER
                    | COMMA_PLUS
                    | REVERSED
                    | DUMP_UNKNOWN_FIELDS
            }
        }
    }
}

/// `OTHERNAME` of openssl/x509v3.h.
#[repr(C)]
struct OtherName {
    kind: *mut ffi::ASN1_OBJECT,
    value: *mut ffi::ASN1_TYPE,
}

unsafe extern "C" {
    fn X509_NAME_print_ex(
        out: *mut ffi::BIO,
        name: *const ffi::X509_NAME,
        indent: c_int,
        flags: c_ulong,
    ) -> c_int;
    fn GENERAL_NAMES_free(names: *mut c_void);
    fn AUTHORITY_INFO_ACCESS_free(accesses: *mut c_void);
}

/// Writes a distinguished name; `None` when OpenSSL cannot.
pub(crate) fn name_text(name: &X509NameRef, style: NameStyle) -> Option<Vec<u8>> {
    let out = MemoryBio::writing().ok()?;
    // SAFETY: stream and name live.
    let written = unsafe { X509_NAME_print_ex(out.as_ptr(), name.as_ptr(), 0, style.flags()) };
    (written >= 0).then(|| out.contents())
}

/// An object's number: `1.3.6.1.5.5.7.3.1`.
pub(crate) fn object_number(object: &Asn1ObjectRef) -> String {
    const LONGEST: usize = 256;
    let mut text = [0_u8; LONGEST];
    // SAFETY: the object lives; the place has `LONGEST` bytes.
    let len = unsafe {
        ffi::OBJ_obj2txt(
            text.as_mut_ptr().cast::<c_char>(),
            c_int::try_from(LONGEST).unwrap_or(0),
            object.as_ptr(),
            1,
        )
    };
    let len = usize::try_from(len).unwrap_or(0).min(LONGEST - 1);
    String::from_utf8_lossy(text.get(..len).unwrap_or_default()).into_owned()
}

/// What may be in a name without quotes.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Characters {
    Latin1,
    Utf8,
}

/// Whether a name cannot be taken for anything else.
fn is_safe(name: &[u8], characters: Characters) -> bool {
    name.iter().all(|byte| match byte {
        b'"' | b'\\' | b',' | b'\'' => false,
        b' '..=b'~' => true,
        0x80.. => characters == Characters::Utf8,
        _ => false,
    })
}

fn write_name(out: &mut Vec<u8>, name: &[u8], characters: Characters, prefix: Option<&str>) {
    let quoted = !is_safe(name, characters);
    if quoted {
        out.push(b'"');
    }
    if let Some(prefix) = prefix {
        out.extend_from_slice(prefix.as_bytes());
        out.push(b':');
    }
    if !quoted {
        out.extend_from_slice(name);
        return;
    }
    for byte in name {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'"' => out.extend_from_slice(b"\\\""),
            // Commas go as escapes: the list is split at commas.
            b',' => out.extend_from_slice(b"\\u002c"),
            b' '..=b'~' => out.push(*byte),
            0x80.. if characters == Characters::Utf8 => out.push(*byte),
            _ => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
    }
    out.push(b'"');
}

/// The bytes of a string a name points to.
fn string_at(string: *mut c_void) -> Vec<u8> {
    if string.is_null() {
        return Vec::new();
    }
    // SAFETY: not null; the kind of the name says that it is a string, which lives with the name.
    let string = unsafe { Asn1StringRef::from_ptr(string.cast()) };
    string.as_slice().to_vec()
}

fn write_address(out: &mut Vec<u8>, address: &[u8]) {
    let mut text = String::from("IP Address:");
    // Writing to a String cannot fail.
    let _written = match address.len() {
        4 => {
            let parts: Vec<String> = address.iter().map(u8::to_string).collect();
            text.write_str(&parts.join("."))
        }
        16 => {
            let parts: Vec<String> = address
                .chunks_exact(2)
                .map(|pair| {
                    format!(
                        "{:X}",
                        pair.iter()
                            .fold(0_u16, |all, byte| (all << 8) | u16::from(*byte))
                    )
                })
                .collect();
            text.write_str(&parts.join(":"))
        }
        len => write!(text, "<invalid length={len}>"),
    };
    out.extend_from_slice(text.as_bytes());
}

fn write_other_name(out: &mut Vec<u8>, name: *mut c_void) {
    const UTF8_STRING: c_int = 12;
    const IA5_STRING: c_int = 22;
    const KNOWN: &[(&str, &str, c_int)] = &[
        ("1.3.6.1.5.5.7.8.9", "SmtpUTF8Mailbox", UTF8_STRING),
        ("1.3.6.1.5.5.7.8.5", "XmppAddr", UTF8_STRING),
        ("1.3.6.1.5.5.7.8.7", "SRVName", IA5_STRING),
        ("1.3.6.1.4.1.311.20.2.3", "UPN", UTF8_STRING),
        ("1.3.6.1.5.5.7.8.8", "NAIRealm", UTF8_STRING),
    ];
    // SAFETY: null, or the kind of the name says what it points to, which lives with the name.
    let other = unsafe { name.cast::<OtherName>().as_ref() };
    // SAFETY: null, or it lives with the name.
    let value = other.and_then(|other| unsafe { other.value.as_ref() });
    let known = other
        .filter(|other| !other.kind.is_null())
        .and_then(|other| {
            // SAFETY: not null; lives with the name.
            let number = object_number(unsafe { Asn1ObjectRef::from_ptr(other.kind) });
            KNOWN.iter().find(|(object, _, _)| *object == number)
        });
    match (known, value) {
        (Some((_, prefix, wanted)), Some(value)) if value.type_ == *wanted => {
            // SAFETY: the type says that the value is a string.
            let string = unsafe { value.value.asn1_string };
            let characters = if *wanted == UTF8_STRING {
                Characters::Utf8
            } else {
                Characters::Latin1
            };
            out.extend_from_slice(b"othername:");
            write_name(out, &string_at(string.cast()), characters, Some(prefix));
        }
        _ => out.extend_from_slice(b"othername:<unsupported>"),
    }
}

/// Writes one name; `false` for a kind there is not.
fn write_general_name(out: &mut Vec<u8>, name: &ffi::GENERAL_NAME) -> bool {
    let text = |out: &mut Vec<u8>, kind: &str| {
        out.extend_from_slice(kind.as_bytes());
        write_name(out, &string_at(name.d), Characters::Latin1, None);
    };
    match name.type_ {
        ffi::GEN_DNS => text(out, "DNS:"),
        ffi::GEN_EMAIL => text(out, "email:"),
        ffi::GEN_URI => text(out, "URI:"),
        ffi::GEN_DIRNAME => {
            out.extend_from_slice(b"DirName:");
            if name.d.is_null() {
                return false;
            }
            // SAFETY: not null; the kind says that it is a distinguished name, which lives with the name.
            let directory = unsafe { X509NameRef::from_ptr(name.d.cast()) };
            let Some(directory) = name_text(directory, NameStyle::Directory) else {
                return false;
            };
            write_name(out, &directory, Characters::Utf8, None);
        }
        ffi::GEN_IPADD => write_address(out, &string_at(name.d)),
        ffi::GEN_RID => {
            if name.d.is_null() {
                return false;
            }
            // SAFETY: not null; the kind says that it is an object, which lives with the name.
            let object = unsafe { Asn1ObjectRef::from_ptr(name.d.cast()) };
            out.extend_from_slice(b"Registered ID:");
            out.extend_from_slice(object_number(object).as_bytes());
        }
        ffi::GEN_OTHERNAME => write_other_name(out, name.d),
        ffi::GEN_X400 => out.extend_from_slice(b"X400Name:<unsupported>"),
        ffi::GEN_EDIPARTY => out.extend_from_slice(b"EdiPartyName:<unsupported>"),
        _ => return false,
    }
    true
}

/// What a certificate's extension decodes to, freed with the function of its type.
struct Extension {
    value: *mut c_void,
    free: unsafe extern "C" fn(*mut c_void),
}

impl Drop for Extension {
    fn drop(&mut self) {
        // SAFETY: ours, and `free` is the function of its type.
        unsafe { (self.free)(self.value) };
    }
}

impl Extension {
    /// The first extension of this kind, decoded.
    fn of(
        certificate: &X509Ref,
        nid: c_int,
        free: unsafe extern "C" fn(*mut c_void),
    ) -> Option<Self> {
        // SAFETY: the certificate lives.
        let index = unsafe { ffi::X509_get_ext_by_NID(certificate.as_ptr(), nid, -1) };
        if index < 0 {
            return None;
        }
        // SAFETY: the certificate lives and has the extension.
        let extension = unsafe { ffi::X509_get_ext(certificate.as_ptr(), index) };
        // SAFETY: the extension lives with the certificate.
        let value = unsafe { ffi::X509V3_EXT_d2i(extension) };
        drop(openssl::error::ErrorStack::get());
        (!value.is_null()).then_some(Self { value, free })
    }

    /// The elements of an extension that is a list.
    fn elements(&self) -> impl Iterator<Item = *mut c_void> {
        let stack = self.value.cast::<ffi::OPENSSL_STACK>().cast_const();
        // SAFETY: the extension is a list and lives.
        let count = unsafe { ffi::OPENSSL_sk_num(stack) };
        (0..count).map(move |index| {
            // SAFETY: the index is below the length; the list lives as long as the caller holds `self`.
            unsafe { ffi::OPENSSL_sk_value(stack, index) }
        })
    }
}

/// `subjectAltName`: the names separated by `, `. `None` without the extension, or when it is broken.
pub(crate) fn subject_alt_name(certificate: &X509Ref) -> Option<Vec<u8>> {
    let names = Extension::of(certificate, ffi::NID_subject_alt_name, GENERAL_NAMES_free)?;
    let mut out = Vec::new();
    for (index, name) in names.elements().enumerate() {
        if index > 0 {
            out.extend_from_slice(b", ");
        }
        // SAFETY: null, or an element of the living list of names.
        let name = unsafe { name.cast::<ffi::GENERAL_NAME>().as_ref() }?;
        if !write_general_name(&mut out, name) {
            return None;
        }
    }
    Some(out)
}

/// `infoAccess`: a line for each way to learn more of the issuer.
pub(crate) fn info_access(certificate: &X509Ref) -> Option<Vec<u8>> {
    let accesses = Extension::of(
        certificate,
        ffi::NID_info_access,
        AUTHORITY_INFO_ACCESS_free,
    )?;
    let mut out = Vec::new();
    for (index, access) in accesses.elements().enumerate() {
        if index > 0 {
            out.push(b'\n');
        }
        // SAFETY: null, or an element of the living list of accesses.
        let access = unsafe { access.cast::<ffi::ACCESS_DESCRIPTION>().as_ref() }?;
        if access.method.is_null() {
            return None;
        }
        // SAFETY: not null; lives with the list.
        let method = unsafe { Asn1ObjectRef::from_ptr(access.method) };
        out.extend_from_slice(format!("{method} - ").as_bytes());
        // SAFETY: null, or it lives with the list.
        let location = unsafe { access.location.as_ref() }?;
        if !write_general_name(&mut out, location) {
            return None;
        }
    }
    Some(out)
}

unsafe extern "C" {
    fn EXTENDED_KEY_USAGE_free(usage: *mut c_void);
}

/// `keyUsage`: the numbers of what the key may be used for.
pub(crate) fn extended_key_usage(certificate: &X509Ref) -> Option<Vec<String>> {
    let usages = Extension::of(certificate, ffi::NID_ext_key_usage, EXTENDED_KEY_USAGE_free)?;
    Some(
        usages
            .elements()
            .filter(|object| !object.is_null())
            .map(|object| {
                // SAFETY: not null; an element of the living list of objects.
                object_number(unsafe { Asn1ObjectRef::from_ptr(object.cast()) })
            })
            .collect(),
    )
}
