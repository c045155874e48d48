# From nothing to a production approval by two of three, whose keys never see the network. Needs rollcall, rollcall-agent and rollcall-controller in the PATH, and sqlite3.
mkdir try stick                                      # stick/ is what travels: neither the controller nor an agent ever sees it
cd try

# Keys: each is made where its owner is, and only its .pub leaves that machine. Each asks for a passphrase.
for k in root dev ann ben carol enrol; do rollcall keys new ../stick/$k --owner $k; done
rollcall trust init --fleet try --root ../stick/root.pub --release ../stick/dev.pub --enrol ../stick/enrol.pub \
	--approver production=../stick/ann.pub --approver production=../stick/ben.pub --approver production=../stick/carol.pub --approver-threshold production=2
rollcall trust sign trust.env --key ../stick/root

# The controller, and the operator who talks to it.
rollcall keys curve controller.key
rollcall keys curve olga.key
cat >controller.yaml <<END
data_dir: controller
listen: {control: "tcp://127.0.0.1:7101", blobs: "tcp://127.0.0.1:7110"}
curve_key: controller.key
trust: trust.env
operators:
  - {name: olga, role: admin, key: olga.key.pub}
END
rollcall-controller run --config controller.yaml 2>controller.log &
until rollcall connect --endpoint tcp://127.0.0.1:7101 --blobs tcp://127.0.0.1:7110 --key controller.key.pub --operator-key olga.key; do sleep 1; done

# An agent beside one database.
sqlite3 shop.db "VACUUM"                             # an empty database
rollcall-agent init --name eu-1 --site eu --dir agent
rollcall trust certify agent/eu-1.request --key ../stick/enrol --trust trust.env --out agent/eu-1.cert
rollcall agents admit agent/eu-1.cert
cat >agent/agent.yaml <<END
name: eu-1
site: eu
data_dir: data
controller: {endpoint: "tcp://127.0.0.1:7101", blobs: "tcp://127.0.0.1:7110", keys: ["$(cat controller.key.pub)"]}
keys: {curve: curve.key, report: report.key}
trust: ../trust.env
certificate: eu-1.cert
targets:
  - {id: eu/lite/shop, dsn: "sqlite:$PWD/shop.db", labels: {environment: production, ring: canary}}
END
rollcall-agent check --config agent/agent.yaml --connect
rollcall-agent run --config agent/agent.yaml 2>agent.log &
until rollcall targets list | grep -q online; do sleep 1; done

# A release, built from a sample project, signed by its author.
rollcall init shop --engine sqlite
sed -i 's/^pipeline:.*/pipeline: [production]/' shop/rollcall.yaml
cat >shop/plans/production.yaml <<END
name: production
environments:
  - name: production
    waves: [{name: all, selector: "environment=production"}]
END
rollcall release build shop --version 1.0.0
rollcall release sign shop/releases/shop-1.0.0.release --key ../stick/dev
rollcall release push shop/releases/shop-1.0.0.release

# The rollout waits (exit code 3). Its order with the target list, the release and the trust document go on the stick.
rollcall rollout start shop/plans/production.yaml --environment production --release 1.0.0 || [ $? -eq 3 ]
ROLLOUT=$(rollcall rollout list -o name)
rollcall rollout order "$ROLLOUT" --out ../stick/shop.order
cp shop/releases/shop-1.0.0.release trust.env ../stick

# Ann and Carol, each on a machine without a network: it shows what they approve, and signs it there.
cd ../stick
for k in ann carol; do
	rollcall approve shop.order --release shop-1.0.0.release --targets 1 --key ./$k --reason reviewed --trust trust.env --out $k.approval
done

# Back at a machine that sees the controller. The first alone is not enough (exit code 3).
cd ../try
rollcall rollout hand-in "$ROLLOUT" ../stick/ann.approval || [ $? -eq 3 ]
rollcall rollout hand-in "$ROLLOUT" ../stick/carol.approval --wait
sqlite3 shop.db .tables
rollcall history --target eu/lite/shop
