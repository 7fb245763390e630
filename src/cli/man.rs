//! The manual page, `docs/acquire.1`: made from the commands, for packagers. Made by a test and not by a command,
//! because whoever runs the binary has `--help`. `cargo xtask codegen` writes it.

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use std::path::Path;

use super::{Arguments, exit, variables};

/// Lets `man` write an apostrophe that can be copied.
const APOSTROPHE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";

/// All commands in one page: the whole, then each command as a section.
fn page() -> String {
    let mut command = Arguments::command().after_long_help("");
    command.build();
    let man = Man::new(command.clone()).date("").manual("Acquire");
    let mut page = APOSTROPHE.to_owned();
    page += &rendered(|page| {
        man.render_title(page)?;
        man.render_name_section(page)?;
        man.render_synopsis_section(page)?;
        man.render_description_section(page)?;
        man.render_options_section(page)
    });
    for command in command.get_subcommands() {
        page.push_str(&sections(command, "acquire"));
    }
    for (heading, table) in [("EXIT STATUS", exit::table()), ("ENVIRONMENT", variables::table())] {
        let lines: Vec<String> = table.lines().skip(1).map(escaped).collect();
        page.push_str(&format!(".SH \"{heading}\"\n.nf\n{}\n.fi\n", lines.join("\n")));
    }
    page
}

/// A command and those below it, without what every command has.
fn sections(command: &Command, above: &str) -> String {
    let name = format!("{above} {}", command.get_name());
    if command.get_name() == "help" || command.is_hide_set() {
        return String::new();
    }
    let below: String = command.get_subcommands().map(|command| sections(command, &name)).collect();
    let own = command.clone().mut_args(|arg| {
        let is_shared = arg.is_global_set() || arg.get_id() == "help";
        arg.hide(is_shared)
    });
    let man = Man::new(own.bin_name(&name));
    let body = rendered(|page| {
        man.render_synopsis_section(page)?;
        man.render_description_section(page)?;
        man.render_options_section(page)
    });
    let body = body.replace(".SH ", ".SS ");
    let body = body.replace(".SS OPTIONS\n.SS", ".SS");
    format!(".SH \"{}\"\n{body}{below}", escaped(&name.to_uppercase()))
}

/// Renders sections, without the definition of an apostrophe that each of them begins with.
fn rendered(render: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut page = Vec::new();
    render(&mut page).unwrap();
    String::from_utf8(page).unwrap().replace(APOSTROPHE, "")
}

fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test is steered by the environment that the task gives it")]
fn the_manual_page_is_that_of_the_commands() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/acquire.1");
    let page = page();
    if std::env::var_os("ACQUIRE_BLESS").is_some() {
        std::fs::write(file, page).unwrap();
    } else {
        let found = std::fs::read_to_string(file).unwrap_or_default();
        assert!(found == page, "docs/acquire.1 is out of date: run `cargo xtask codegen`");
    }
}

#[test]
fn the_manual_page_names_every_command_and_every_flag() {
    let page = page();
    for words in [
        "ACQUIRE PLAN",
        "ACQUIRE STATE REPAIR",
        "EXIT STATUS",
        "ENVIRONMENT",
        "\\-\\-json\\-into",
        "ACQUIRE_STATE_PASSPHRASE",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("ACQUIRE HELP"), "{page}");
}
