# What holds for the program whatever the command.
load helpers

@test "--version prints name and version" {
    run_hpac --version
    assert_exit 0
    [[ $output =~ ^hpac\ [0-9]+\.[0-9]+\.[0-9]+(-[0-9a-z-]+)?$ ]] || fail_with "expected: hpac X.Y.Z"
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

@test "a leading ~ in the path of an option is the home directory" {
    mkdir "$TMP/home"
    printf 'Id,Target\na,1\nb,2\nc,3\n' >"$TMP/home/labels.csv"
    HOME=$TMP/home run_hpac split --labels='~/labels.csv' --out='~/folds'
    assert_exit 0
    assert_file "$TMP/home/folds/fold0_train.csv"
    HOME=$TMP/home run_hpac split --labels='~other/labels.csv'
    assert_exit 3
    assert_error_has "~other/labels.csv: cannot open"
}
