#!/usr/bin/env python3
"""scikit-learn's logistic regression on n-grams weighted by naive Bayes, from the archive to the accuracy.

Wang and Manning, "Baselines and Bigrams", 2012, with logistic regression for the support vector machine, as notebooks on
the net have it: binary n-grams, each times its log-count ratio, C = 4, liblinear's dual solver.
"""

import numpy as np
import sklearn
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from text_job import Stopwatch, print_figures, read_archive, text_job, text_parser

WORDS_AND_MARKS = r"\w+(?:'\w+)?|[^\w\s]"


def main() -> None:
    parser = text_parser(__doc__.splitlines()[0])
    add = parser.add_argument
    add("--ngrams", type=int, default=3, metavar="N", help="[default: 3]")
    add("--min-count", type=int, default=2, metavar="N", help="reviews that an n-gram has to be in [default: 2]")
    add("--inverse-strength", type=float, default=4.0, metavar="C", help="of the regularisation [default: 4]")
    arguments = parser.parse_args()
    job = text_job(arguments)

    watch = Stopwatch()
    train, judged = read_archive(job)
    vectorizer = CountVectorizer(ngram_range=(1, arguments.ngrams), min_df=arguments.min_count, binary=True,
                                 token_pattern=WORDS_AND_MARKS, dtype=np.float32)
    x, x_judged = vectorizer.fit_transform(train.texts), vectorizer.transform(judged.texts)
    labels = np.array(train.labels)
    features = watch.lap()

    positive, negative = (1.0 + np.asarray(x[labels == label].sum(axis=0)).ravel() for label in (1, 0))
    ratios = np.log(positive / positive.sum()) - np.log(negative / negative.sum())
    model = LogisticRegression(C=arguments.inverse_strength, solver="liblinear", dual=True, random_state=job.seed)
    model.fit(x.multiply(ratios).tocsr(), labels)
    training = watch.lap()
    accuracy = model.score(x_judged.multiply(ratios).tocsr(), judged.labels)
    print_figures(sklearn.__version__, accuracy, features, training, watch.lap())


if __name__ == "__main__":
    main()
