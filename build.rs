//! Prepares the build of the addon: what each platform needs so that Node's symbols are found when it is
//! loaded, and the name of that platform, which the addon reports.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if let Ok(target) = std::env::var("TARGET") {
        println!("cargo::rustc-env=FLOTILLA_TARGET={target}");
    }
    #[cfg(feature = "addon")]
    napi_build::setup();
}
