"""Names of people from many places, for the small courses and, combined, for the big one."""

import unicodedata

TEACHER = ("Ngozi", "Okafor")
SECOND_TEACHER = ("Siobhán", "O'Connor-Ní Bhriain")
ASSISTANT = ("Marco", "D'Angelo & Söhne")
ADMIN = ("Demo", "Administrator")

# Twins by name, single words, very long names, several scripts: what a roster must survive.
STUDENTS: tuple[tuple[str, str], ...] = (
    ("Anna", "Müller"),
    ("José María", "García López"),
    ("Wei", "Zhang"),
    ("小明", "王"),
    ("Zoë", "van der Berg"),
    ("فاطمة", "الزهراء"),
    ("Łukasz", "Wiśniewski"),
    ("Anna", "Müller"),
    ("Sukarno", ""),
    ("Þórdís", "Guðmundsdóttir"),
    ("Nguyễn", "Thị Minh Khai"),
    ("Chukwuemeka", "Adeyemi-Oluwaseun"),
    ("Aoife", "O'Brien"),
    ("山田", "花子"),
    ("Dvořák", "Řehoř"),
    ("Leilani", "Kaʻahumanu"),
    ("Maximilian-Alexander Friedrich", "von Hohenstaufen-Wittelsbach zu Schwarzburg-Rudolstadt"),
    ("Олександра", "Шевченко"),
    ("Γιώργος", "Παπαδόπουλος"),
    ("Priya", "Krishnamurthy"),
    ("İbrahim", "Çelik"),
    ("Søren", "Ångström"),
    ("Kwame", "Nkrumah-Mensah"),
    ("נועה", "לוי"),
    ("Björk", ""),
)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_GIVEN = _words(
    "Amara Ben Chloé Dmitri Élodie Farid Gül Hiroshi Inês Jürgen Kofi Lin Małgorzata Noor Oisín Paulo "
    "Quynh Rania Sven Tomás Uzoma Valérie Wanjiru Xiadani Yuki Zsófia Adeola Bartłomiej Carmen Đorđe "
    "Esi Finnur Giulia Håkon Isla Jae-won Kateřina Léo Mehmet Nia"
)
_FAMILY = _words(
    "Abubakar Bianchi Červenka Diallo Eriksson Fernández Grünwald Hussain Ivanova Jovanović Kim Larsen "
    "Mbeki Novák Öztürk Pereira Quintero Rossi Schröder Takahashi Ueda Vásquez Wójcik Xu Yılmaz Żak "
    "Anand Brûlé Costa Demir Engström Fofana Gómez Horváth Ito Janssen Kaya Li Müller N'Diaye O'Neill "
    "Petrov Rahman Silva Tanaka Usman Varga Wang Yeo Zulu"
)


def big_name(index: int) -> tuple[str, str]:
    """Return the name of the student with this number: every pair once before any repeats."""
    given = _GIVEN[index % len(_GIVEN)]
    family = _FAMILY[(index // len(_GIVEN) + index) % len(_FAMILY)]
    return given, family


def login_of(given: str, family: str, number: int) -> str:
    """Return a plain login such as ``mueller3``; scripts without Latin letters give ``student3``."""
    text = unicodedata.normalize("NFKD", family or given)
    plain = "".join(c for c in text.lower() if c.isascii() and c.isalnum())[:12]
    return f"{plain or 'student'}{number}"
