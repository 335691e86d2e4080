"""Captions written for the tests: honest English ones, sentences in other Latin-script languages, one a script."""

ENGLISH = """\
A cat
dog on sofa
red bicycle
Two men playing chess in a park
a photo of the Eiffel Tower
Sunset over Lake Como
New York skyline
Vintage car show
Blue denim jacket
IKEA Billy bookcase
Nikon D750 camera body
Tomato soup
Chocolate cake recipe
A brown horse grazing in a green meadow
Golden retriever puppy
San Francisco
Golden Gate Bridge
Samsung Galaxy S21 Ultra
Lamborghini Aventador
Spaghetti carbonara
Sushi platter
Santa Claus
Piano
Coffee beans
A rocket launches from its pad
Marie Curie portrait, 1920
Cristiano Ronaldo celebrates a goal
Neon sign
Old barn in winter
Leopard print dress
Barcelona cathedral at night
Casa Batllo, Barcelona
Rio de Janeiro beach
Men's running shoes - black
Mini Cooper S
Ford Mustang GT 1967
Nissan Skyline GT-R
Los Angeles Lakers
Villa in Tuscany
Piazza San Marco, Venice
Le Corbusier chair
Poster: The Godfather
Macro photo of a bee on lavender
Diagram of the human heart
Portrait of a woman in a red hat
Abstract background
Happy birthday card
Basketball game
Kitchen
Garden gnome
Children play in a fountain
Emma Watson
Hotel lobby
Bus stop
Wooden table and four chairs
Retro radio
Acoustic guitar
Polar bear on ice
Christmas tree lights
Map of Europe
Hand drawn sketch of a tiger
Orange juice
Vincent van Gogh, Starry Night
Pizza Margherita
Mont Saint-Michel, Normandy
A pile of gravel beside a brick wall
Microscope image of skin tissue
Moon surface with craters
Schematic of an amplifier
SUNFLOWER FIELD
Toyota Corolla 2015 interior
Machu Picchu, Peru
Oktoberfest in Munich
Fettuccine Alfredo with basil
Boeing 747 landing at Schiphol
Sagrada Familia interior
Dolce & Gabbana handbag
Burrito bowl
Nelson Mandela statue
Salvador Dali museum, Figueres
A man in a kimono in Kyoto
Espresso macchiato
Mercedes-Benz E-Klasse
Kung fu panda poster
Adidas Originals Stan Smith
IMG 2041
Banana bread
Cactus
Rainbow lorikeet
iPhone 12 Pro Max case
Ferris wheel
Chihuahua
Yamaha MT-07
Audi quattro
A bowl of ramen
Basilica di San Pietro, Rome
Notre-Dame de Paris
Ludwig van Beethoven
El Capitan, Yosemite National Park
Santa Monica pier
Zaha Hadid Architects, Heydar Aliyev Center, Baku
Johann Sebastian Bach manuscript
Chateau de Chambord in the Loire Valley
Museo Nacional del Prado, Madrid
Giuseppe Verdi
Rafael Nadal at Roland Garros
Lionel Messi FC Barcelona
Pablo Picasso, Les Demoiselles d'Avignon
Club Atletico Boca Juniors
Festival de Cannes 2019
Volkswagen Beetle, Wolfsburg
Schloss Neuschwanstein, Bavaria
Helsinki cathedral
Kuala Lumpur, Petronas Towers
Bandung, Indonesia
Nasi goreng
Bibimbap
Reykjavik harbour
Gothenburg tram
Arancini
Two lemons
man
woman
tree
bird
red
car
a
ok
portrait
animal
sport
hotel
taxi
restaurant
mountain bike trail
Dog sled race, Alaska
Man on surfboard
Girl in dress
Band on stage
Tulip
Silver ring
Leather wallet
Hamburg harbor
Blender
Ballet dancer
Antique globe
Alpine meadow in bloom
Model train
Tram in Lisbon
Fresh fruit on display
Winter landscape
Sailing boats in a marina
Butterfly on hand
Lighthouse
Football stadium
Leonardo da Vinci, Mona Lisa, Louvre Museum, Paris
Portrait of Giuseppe Garibaldi by Silvestro Lega
Aerial view of Playa del Carmen, Quintana Roo, Mexico
Gabriel Garcia Marquez signs books in Cartagena
Street art in Valparaiso, Chile
Traditional dancers in Denpasar, Bali, Indonesia
Nasi goreng with satay and sambal
Arc de Triomphe and Champs-Elysees at dusk
Penne all'arrabbiata with parmesan
Boeuf bourguignon with mashed potatoes
Crème brûlée in a white ramekin
Hotel Villa Cimbrone, Ravello, Amalfi Coast
BMW Motorrad R nineT Scrambler
Ludwig Mies van der Rohe, Barcelona Pavilion
Rijksmuseum Amsterdam, Rembrandt van Rijn, The Night Watch
Palacio de Bellas Artes, Mexico City
Estadio Santiago Bernabeu, Real Madrid
Cappuccino and croissant
Antonio Banderas and Penelope Cruz
Sao Paulo Fashion Week
Pao de queijo, Brazilian cheese bread
Copacabana beach, Rio de Janeiro
Andrea Bocelli in concert
Scuderia Ferrari F1 pit stop
Lake Titicaca, Bolivia
Jakarta skyline at sunset
Istanbul, Hagia Sophia
Helsinki Central railway station
Bergen, Norway
Stockholm Gamla Stan
Copenhagen Nyhavn
Dr. Martens boots
Fjallraven Kanken backpack
Close-up of a dragonfly resting on a reed
Three kids jumping into a lake
Woman reading on a park bench
Steam locomotive crossing a viaduct
A plate of pasta with tomato and basil
White orchids in a ceramic pot
Storm clouds over a wheat field
Man repairing a bicycle chain
Astronaut outside the space station
Medieval castle on a hill
Grey tabby kitten with blue eyes
Fishing boats at low tide
Snow-capped mountain reflected in a lake
Brown bear catching salmon
Runner crossing the finish line
Red double-decker bus in London
Scanning electron micrograph of pollen
Retinal fundus image
Brick wall texture
Gravel texture
Clock on a tower
Text on an old page
Galaxy cluster seen by Hubble
Immunohistochemical staining of colonic glands
Mandarin oranges in a wicker basket
Sunflower with bee
Old stone bridge over a river
Tropical fish in a coral reef
Wooden chess pieces on a board
Row of terraced houses
Ceramic tile pattern
Dentist examining a patient
Passenger jet on the runway
Abandoned factory interior
Hummingbird at a feeder
Elephants at a waterhole
A vase of tulips on a windowsill
Bowl of mixed berries
Vineyard in autumn
Hot-air balloons over Cappadocia
Camel caravan in the Sahara
""".splitlines()

OTHER_LATIN = """\
Ein Hund liegt auf dem Sofa
Zwei Männer spielen Schach im Park
Rotes Fahrrad vor einer Mauer
Sonnenuntergang über dem See
Eine Katze schläft auf der Fensterbank
Un chien couché sur le canapé
Deux hommes jouent aux échecs dans un parc
Vélo rouge contre un mur
Coucher de soleil sur le lac
Un chat dort sur le rebord de la fenêtre
Un perro acostado en el sofá
Dos hombres juegan al ajedrez en un parque
Bicicleta roja contra una pared
Puesta de sol sobre el lago
Un gato duerme en la ventana
Un cane sdraiato sul divano
Due uomini giocano a scacchi nel parco
Bicicletta rossa contro un muro
Tramonto sul lago di Como
Un gatto dorme sul davanzale della finestra
Um cachorro deitado no sofá
Dois homens jogando xadrez no parque
Bicicleta vermelha encostada na parede
Pôr do sol sobre o lago
Um gato dorme no parapeito da janela
Een hond ligt op de bank
Twee mannen spelen schaak in het park
Rode fiets tegen een muur
Zonsondergang boven het meer
Een kat slaapt op de vensterbank
Pies leży na kanapie
Dwóch mężczyzn gra w szachy w parku
Czerwony rower przy ścianie
Zachód słońca nad jeziorem
Kot śpi na parapecie okna
En hund ligger på soffan
Två män spelar schack i parken
Röd cykel mot en vägg
Solnedgång över sjön
En katt sover på fönsterbrädan
Köpek kanepede yatıyor
İki adam parkta satranç oynuyor
Duvarın önünde kırmızı bisiklet
Göl üzerinde gün batımı
Kedi pencere kenarında uyuyor
Koira makaa sohvalla
Kaksi miestä pelaa shakkia puistossa
Punainen polkupyörä seinää vasten
Auringonlasku järven yllä
Kissa nukkuu ikkunalaudalla
Seekor anjing berbaring di sofa
Dua orang pria bermain catur di taman
Sepeda merah di depan tembok
Matahari terbenam di atas danau
Một con chó nằm trên ghế sofa
Hai người đàn ông chơi cờ trong công viên
Xe đạp màu đỏ
Hoàng hôn trên hồ
""".splitlines()

SCRIPTS = {
    "Arabic": "قطة سوداء على السرير",
    "Persian": "می\u200cخواهم یک گربهٔ سیاه ببینم",
    "Armenian": "Սև կատուն մահճակալի վրա",
    "Bengali": "বিছানার উপর একটি কালো বিড়াল",
    "Burmese": "အိပ်ရာပေါ်မှာ ကြောင်နက်",
    "Cherokee": "ᎬᎾᎨ ᏪᏌ",
    "Chinese": "床上有一只黑猫，窗外下雪！",
    "Cyrillic": "Чёрная кошка на кровати",
    "Devanagari": "बिस्तर पर काली बिल्ली क्\u200dष",
    "Ethiopic": "በአልጋ ላይ ጥቁር ድመት",
    "Georgian": "შავი კატა საწოლზე",
    "Greek": "Μαύρη γάτα στο κρεβάτι",
    "Gujarati": "પથારી પર કાળી બિલાડી",
    "Gurmukhi": "ਮੰਜੇ ਉੱਤੇ ਕਾਲੀ ਬਿੱਲੀ",
    "Hebrew": "חתול שחור על המיטה",
    "Japanese": "ベッドの上の黒い猫「ネコ」",
    "Kannada": "ಹಾಸಿಗೆಯ ಮೇಲೆ ಕಪ್ಪು ಬೆಕ್ಕು",
    "Khmer": "ឆ្មាខ្មៅនៅលើគ្រែ",
    "Korean": "침대 위의 검은 고양이",
    "Lao": "ແມວດຳຢູ່ເທິງຕຽງ",
    "Malayalam": "കട്ടിലിൽ കറുത്ത പൂച്ച",
    "Mongolian": "ᠬᠠᠷᠠ ᠮᠤᠤᠷ",
    "N'Ko": "ߒߞߏ",
    "Oriya": "ବିଛଣାରେ କଳା ବିଲେଇ",
    "Sinhala": "ඇඳ මත කළු පූසෙක් ක්\u200dෂ",
    "Syriac": "ܩܛܘ ܐܘܟܡܐ",
    "Tamil": "படுக்கையில் கருப்பு பூனை",
    "Telugu": "మంచం మీద నల్ల పిల్లి",
    "Thaana": "ކަޅު ބުޅަލެއް",
    "Thai": "แมวดำบนเตียง",
    "Tibetan": "ཞི་མི་ནག་པོ།",
    "Tifinagh": "ⴰⵎⵓⵛⵛ",
    "Vietnamese": "Một con mèo đen trên giường",
    "Yi": "ꆈꌠꁱꂷ",
}
