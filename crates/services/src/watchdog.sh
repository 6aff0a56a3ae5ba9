# Runs one server, does with it what it is told a line at a time, and answers each line with one line.
# When nobody can tell it anything any more, because the program that started it ended in whatever way,
# it stops the server and removes the directory.
#
# Arguments: the directory, the signal that stops the server, and the server's command without its port.

directory=$1
ending=$2
shift 2
server=
trap : HUP INT TERM

# A dead child is only noticed by asking for jobs; until then `kill -0` finds it alive.
running() {
    jobs >/dev/null 2>&1
    [ -n "$server" ] && kill -0 "$server" 2>/dev/null
}

end() {
    if running; then
        kill -"$1" "$server" 2>/dev/null
        # A stopped process takes no other signal than KILL before it goes on.
        kill -CONT "$server" 2>/dev/null
        turns=0
        while running && [ "$turns" -lt 500 ]; do
            sleep 0.02
            turns=$((turns + 1))
        done
        running && kill -KILL "$server" 2>/dev/null
    fi
    [ -n "$server" ] && wait "$server" 2>/dev/null
    server=
}

while read -r word port; do
    case $word in
    start)
        "$@" "$port" </dev/null >>"$directory/log" 2>&1 &
        server=$!
        echo started
        ;;
    alive) if running; then echo yes; else echo no; fi ;;
    end) end "$ending"; echo ended ;;
    kill) end KILL; echo ended ;;
    freeze) kill -STOP "$server" 2>/dev/null; echo frozen ;;
    thaw) kill -CONT "$server" 2>/dev/null; echo thawed ;;
    *) echo "unknown word $word" ;;
    esac
done

end "$ending"
cd /
rm -rf "$directory"
