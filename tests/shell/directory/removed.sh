# A removed working directory is noticed.
# shell: both
mkdir gone; cd gone; rmdir ../gone
ls; echo $?
touch x 2>/dev/null; echo $?
cd .. ; echo $?
[ -d gone ]; echo $?
