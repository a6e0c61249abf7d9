"""Playing bags: gaps, rate, order, clock, pauses, steps and services."""

import threading

import pytest
from bag_samples import START_NS, STEP_NS, write_bag
from rclpy.qos import DurabilityPolicy, QoSProfile
from ros_world import TIMEOUT_S, finished, world
from rosbag2_interfaces.srv import GetRate, IsPaused, Pause, PlayNext, Resume, Seek, SetRate
from rosgraph_msgs.msg import Clock
from std_msgs.msg import String
from test_bags_recording import until

from molmo_ros.embedded.bags import BagError
from molmo_ros.embedded.bags.playback_clock import PlaybackClock
from molmo_ros.embedded.bags.player import BagPlayer, PlayerOptions, parse_remap

FAST = 1000.0


class Stage:
    """A player of a ten-message bag, and what a listener hears of it."""

    def __init__(self, player_node, listener, folder, **options):
        self.heard = []
        listener.create_subscription(
            String, options.pop("listen_to", "/count"), lambda m: self.heard.append(int(m.data)), 100
        )
        self.player = BagPlayer(player_node, folder, PlayerOptions(**options))
        self.thread = threading.Thread(target=self.player.play)

    def start(self):
        self.thread.start()
        return self

    def finish(self):
        self.thread.join(TIMEOUT_S)
        assert not self.thread.is_alive()
        self.player.close()


@pytest.fixture
def nodes():
    with world("player", "listener") as pair:
        yield pair


@pytest.fixture
def bag(tmp_path):
    return write_bag(tmp_path / "bag", 10)


def test_everything_is_played_in_order(nodes, bag):
    stage = Stage(*nodes, bag, rate=FAST).start()
    until(lambda: len(stage.heard) == 10)
    stage.finish()

    assert stage.heard == list(range(10))
    assert stage.player.played_count == 30


def test_topics_are_chosen_and_renamed(nodes, bag):
    stage = Stage(*nodes, bag, rate=FAST, topics=["/count"], remap={"/count": "/again"}, listen_to="/again").start()
    until(lambda: len(stage.heard) == 10)
    stage.finish()

    assert stage.player.played_count == 10


def test_offset_and_duration_cut_out_a_part(nodes, bag):
    stage = Stage(*nodes, bag, rate=FAST, topics=["/count"], start_offset_s=0.25, duration_s=0.4).start()
    until(lambda: len(stage.heard) == 4)
    stage.finish()

    assert stage.heard == [3, 4, 5, 6]


def test_recorded_quality_of_service_is_offered_again(nodes, bag):
    from geometry_msgs.msg import PoseStamped

    late = []
    stage = Stage(*nodes, bag, rate=FAST)
    stage.start().thread.join(TIMEOUT_S)
    nodes[1].create_subscription(
        PoseStamped, "/pose", late.append, QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    )
    until(lambda: late)
    stage.finish()

    assert late[0].pose.position.x == 9.0


def test_a_loop_begins_again_until_it_is_stopped(nodes, bag):
    stage = Stage(*nodes, bag, rate=FAST, loop=True).start()
    until(lambda: len(stage.heard) > 20)
    stage.player.stop()
    stage.finish()

    assert stage.heard[:20] == [*range(10), *range(10)]


def test_the_clock_tells_the_time_of_the_bag(nodes, bag):
    times = []
    nodes[1].create_subscription(Clock, "/clock", lambda m: times.append(m.clock.sec * 10**9 + m.clock.nanosec), 100)
    stage = Stage(*nodes, bag, rate=2.0, clock_hz=100.0).start()
    stage.finish()

    assert len(times) > 10
    assert times == sorted(times)
    assert START_NS <= times[0] < START_NS + STEP_NS * 5
    assert times[-1] < START_NS + 30 * STEP_NS


def test_paused_it_plays_single_messages_on_request(nodes, bag):
    stage = Stage(*nodes, bag, rate=FAST, topics=["/count"], start_paused=True).start()
    assert stage.player.play_next() == 1
    assert stage.player.play_next(3) == 3
    until(lambda: len(stage.heard) == 4)
    assert stage.player.is_paused
    assert stage.player.position_ns == START_NS + 3 * STEP_NS

    stage.player.resume()
    until(lambda: len(stage.heard) == 10)
    stage.finish()
    assert stage.heard == list(range(10))


def test_seeking_goes_on_from_another_time(nodes, bag):
    stage = Stage(*nodes, bag, rate=FAST, topics=["/count"], start_paused=True).start()
    stage.player.play_next()
    assert stage.player.seek(START_NS + 7 * STEP_NS)
    assert not stage.player.seek(START_NS - 1)
    stage.player.resume()
    until(lambda: len(stage.heard) == 4)
    stage.finish()

    assert stage.heard == [0, 7, 8, 9]


def test_services_control_it(nodes, bag):
    stage = Stage(*nodes, bag, rate=FAST, topics=["/count"], start_paused=True).start()

    def ask(kind, name, **fields):
        client = nodes[1].create_client(kind, f"/player/{name}")
        assert client.wait_for_service(TIMEOUT_S)
        return finished(client.call_async(kind.Request(**fields)))

    assert ask(IsPaused, "is_paused").paused
    assert ask(PlayNext, "play_next").success
    assert ask(SetRate, "set_rate", rate=500.0).success
    assert not ask(SetRate, "set_rate", rate=-1.0).success
    assert ask(GetRate, "get_rate").rate == 500.0
    seek = Seek.Request()
    seek.time.sec = START_NS // 10**9
    assert ask(Seek, "seek", time=seek.time).success
    ask(Resume, "resume")
    until(lambda: len(stage.heard) == 11)
    ask(Pause, "pause")
    stage.finish()
    assert stage.heard == [0, *range(10)]


def test_an_unknown_type_is_skipped(nodes, tmp_path):
    from molmo_ros.embedded.bags import BagWriter, Topic

    with BagWriter(tmp_path / "bag") as writer:
        writer.create_topic(Topic(name="/secret", type="nobody_msgs/msg/Knows"))
        writer.write("/secret", b"\x00\x01\x00\x00", START_NS)

    with pytest.raises(BagError, match="No topic of"):
        BagPlayer(nodes[0], tmp_path / "bag")


@pytest.mark.parametrize("options", [{"rate": 0.0}, {"rate": -1.0}, {"start_offset_s": -1.0}, {"clock_hz": -5.0}])
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(BagError):
        PlayerOptions(**options)


def test_remappings_have_a_form():
    assert parse_remap(["/a:=/b", "c:=d"]) == {"/a": "/b", "c": "d"}
    with pytest.raises(BagError, match="write FROM:=TO"):
        parse_remap(["a=b"])


def test_the_clock_runs_at_its_rate_from_where_it_is_put():
    clock = PlaybackClock(1000, 4.0, is_paused=True)
    clock.start()
    assert clock.now_ns() == 1000
    assert clock.seconds_until(1000 + 4 * 10**9) == pytest.approx(1.0)

    clock.jump_to(500)
    assert clock.now_ns() == 500
    clock.resume()
    assert clock.now_ns() >= 500
    clock.pause()
    assert clock.now_ns() == clock.now_ns()
    assert not clock.set_rate(float("nan"))
    assert clock.rate == 4.0
