# What zsh offers at the end of each line: zsh -f zsh-offers.zsh <completion script> <line> …
# An interactive zsh on a pseudo-terminal, with its real completion system, in which compadd writes down what it is given.
zmodload zsh/zpty
script=$1
shift
offers=$(mktemp)
trap 'zpty -d shell; rm -f $offers' EXIT
zpty shell zsh -f -i
zpty -w shell "PROMPT=; OFFERS=$offers; autoload -Uz compinit; compinit -u -D; source $script"
zpty -w shell 'compadd() { local -a hits; [[ " $* " == *" -"[ODA]" "* ]] || { builtin compadd -A hits "$@"; print -rl -- $hits >> $OFFERS }; builtin compadd "$@" }'
zpty -w shell 'finish() { print -r -- --- >> $OFFERS }; zle -N finish; bindkey "^Xd" finish'
for line; do
  : > $offers
  zpty -n -w shell $'\x15'"$line"$'\t\x18d'
  repeat 300; do
    grep -qx -e --- $offers && break
    zpty -r -t shell drained
    sleep 0.1
  done
  print -r -- "$line: ${(j: :)${(u)${(f)$(grep -vx -e --- $offers)}}}"
done
