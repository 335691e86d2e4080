"""General sentences in eight languages other than English, planted where a source has no captions in another language.

They describe pictures, but no particular one: as captions they are mismatched besides being in another language.
"""

from collections.abc import Mapping

FOREIGN_CAPTIONS: Mapping[str, tuple[str, ...]] = {
    "de": (
        "Ein alter Mann sitzt auf einer Bank und liest die Zeitung.",
        "Zwei Kinder spielen am Strand mit einem roten Eimer.",
        "Auf dem Küchentisch stehen frisches Brot und eine Schale mit Äpfeln.",
        "Eine schmale Straße führt zwischen schneebedeckten Häusern hindurch.",
        "Der Hund schläft auf dem Teppich vor dem Kamin.",
    ),
    "fr": (
        "Une femme achète des légumes au marché du village.",
        "Des bateaux de pêche sont amarrés dans le vieux port.",
        "Le chat noir regarde les oiseaux par la fenêtre de la cuisine.",
        "Un champ de tournesols s'étend jusqu'aux collines.",
        "Les élèves attendent le bus devant l'école sous la pluie.",
    ),
    "es": (
        "Una bicicleta azul está apoyada contra la pared del jardín.",
        "Los músicos tocan la guitarra en la plaza por la noche.",
        "Un plato de arroz con verduras sobre una mesa de madera.",
        "La niña lleva un sombrero grande y recoge flores amarillas.",
        "El tren cruza un puente muy alto entre las montañas.",
    ),
    "pl": (
        "Starsza kobieta karmi gołębie na rynku w centrum miasta.",
        "Czerwony samochód stoi przed małym drewnianym domem.",
        "Na stole leży otwarta książka i filiżanka gorącej herbaty.",
        "Dzieci zjeżdżają na sankach ze wzgórza za kościołem.",
        "Nad jeziorem unosi się mgła, a na brzegu stoi łódka.",
    ),
    "ru": (
        "Мальчик бежит по полю за воздушным змеем.",
        "На подоконнике стоят горшки с комнатными цветами.",
        "Старый деревянный мост через небольшую реку в лесу.",
        "Рабочие ремонтируют крышу высокого кирпичного здания.",
        "Белая лошадь пьёт воду из озера на закате.",
    ),
    "ar": (
        "رجل يبيع الفواكه في سوق قديم مزدحم.",
        "قارب صغير أبيض على شاطئ البحر عند الغروب.",
        "طفلة ترسم شجرة كبيرة على ورقة بيضاء.",
        "جمال تمشي في الصحراء تحت سماء صافية.",
        "فنجان قهوة وكتاب مفتوح على طاولة خشبية.",
    ),
    "zh": (
        "一位老人坐在公园的长椅上看报纸。",
        "孩子们在学校的操场上踢足球。",
        "桌子上放着一碗热汤和一双筷子。",
        "山脚下有一座红色屋顶的小房子。",
        "一只白色的猫睡在窗台上晒太阳。",
    ),
    "ja": (
        "赤い橋の上で着物を着た女性が写真を撮っています。",
        "公園のベンチで二人の学生が本を読んでいる。",
        "テーブルの上に焼きたてのパンと牛乳があります。",
        "雪の積もった山の前を電車が走っている。",
        "犬が砂浜で青いボールを追いかけている。",
    ),
}
"""By ISO 639 code. Written for Pairsift."""
