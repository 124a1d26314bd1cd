# What holds for the program whatever the command.
load helpers

@test "--version tells name and version" {
    run_hpac --version
    assert_exit 0
    [[ $output =~ ^hpac\ [0-9]+\.[0-9]+\.[0-9]+$ ]] || fail_with "expected: hpac X.Y.Z"
}

@test "--help goes to stdout" {
    run_hpac --help
    assert_exit 0
    assert_output_has "usage: hpac COMMAND"
}

@test "without a command: usage on stderr, exit code 2" {
    run_hpac
    assert_exit 2
    assert_no_output
    assert_error_has "usage: hpac COMMAND"
}

@test "an unknown command is named" {
    run_hpac no-such-command
    assert_exit 2
    assert_no_output
    assert_error_has '"no-such-command"'
}
