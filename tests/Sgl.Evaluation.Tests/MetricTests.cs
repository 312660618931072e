using System.Text.Json;
using CsCheck;
using Sgl.Evaluation.Internal;
using Sgl.TestKit;

namespace Sgl.Evaluation.Tests;

/// <summary>Hand-computed cases of every metric, the reference's quirks among them.</summary>
public class MetricTests
{
    [Theory]
    [InlineData("The Red Sox.", "red sox")]
    [InlineData("two   cats", "2 cats")]
    [InlineData("None", "0")]
    [InlineData("dont stop", "don't stop")]
    [InlineData("wouldntve", "wouldntve")]
    [InlineData("wouldnt've", "wouldn't've")]
    [InlineData("somebody'd", "somebodyd")] // the table's one entry that goes the wrong way
    [InlineData("mcdonald's", "mcdonald 's")] // split before contractions are looked up
    [InlineData("let's go", "let 's go")]
    [InlineData("1,000", "1000")]
    [InlineData("is it?", "is it")]
    [InlineData("coca-cola", "coca cola")] // no blank beside the hyphen: replaced by one
    [InlineData("coca - cola", "coca cola")] // a blank beside it: deleted, and blanks collapse
    [InlineData("a-b -c", "ab c")] // a blank beside any of them deletes all of them; "ab" is no article
    [InlineData("5.", "5")] // the mistyped look-behind does not protect it
    [InlineData("3.5", "3.5")]
    [InlineData("v1.2.x", "v1.2x")]
    [InlineData("a\nb\tc", "b c")]
    [InlineData("www.cnn.com", "wwwcnncom")]
    public void VqaNormalize_KnownTexts_AreTheReferences(string text, string expected) =>
        Assert.Equal(expected, VqaAnswerNormalizer.Normalize(text));

    [Fact]
    public void VqaNormalize_ManyPeriods_RemovesThirtyTwo() =>
        Assert.Equal(new string('.', 8), VqaAnswerNormalizer.Normalize(new string('.', 40)));

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0.3)] // 9 annotators see one, i.e. 1/3 each; the one himself sees none
    [InlineData(2, 0.6)] // 8 * 2/3 + 2 * 1/3
    [InlineData(3, 0.9)] // 7 * 1 + 3 * 2/3
    [InlineData(4, 1)]
    [InlineData(10, 1)]
    public void VqaAccuracy_AnnotatorsAgreeing_IsTheLeaveOneOutMean(int agreeing, double expected)
    {
        var answers = Enumerable.Range(0, 10).Select(i => i < agreeing ? "Yes." : $"no{i}").ToArray();
        Assert.Equal(expected, Score("vqa_accuracy", "yes", answers)!.Value, 12);
    }

    [Theory]
    [InlineData("100", "104", 1)] // 4 % of the prediction
    [InlineData("100", "105", 1)]
    [InlineData("100", "95", 1)]
    [InlineData("95", "100", 0)] // 5/95 = 5.3 %: divided by the prediction, not by the answer
    [InlineData("105", "100", 1)] // 5/105 = 4.8 %
    [InlineData("5%", "0.05", 1)]
    [InlineData("5%", "5", 0)]
    [InlineData("5%%", "0.05", 1)]
    [InlineData("0", "0", 1)] // prediction 0: texts are compared
    [InlineData("0.0", "0", 0)]
    [InlineData("0", "0.001", 0)]
    [InlineData("Blue", "blue", 1)]
    [InlineData("  Blue ", "blue", 1)]
    [InlineData("blue", " blue", 0)] // only the prediction is trimmed
    [InlineData("1e3", "1_000", 1)]
    [InlineData("inf", "5", 0)]
    [InlineData("nan", "nan", 0)] // both are numbers, and NaN is near nothing
    [InlineData("1,000", "1000", 0)]
    public void RelaxedAccuracy_Pairs_FollowTheSwappedReference(string prediction, string answer, double expected) =>
        Assert.Equal(expected, Score("relaxed_accuracy", prediction, answer));

    [Fact]
    public void RelaxedAccuracy_TwoSplits_IsTheMeanOfTheirMeans()
    {
        var scored = new[] { Q("1", "human", 1), Q("2", "human", 0), Q("3", "human", 0), Q("4", "human", 0), Q("5", "augmented", 1) };
        Assert.Equal(62.5, Metric.Named("relaxed_accuracy").Aggregate(Metric.Clusters(scored)), 10);
    }

    [Theory]
    [InlineData("12", 12d)]
    [InlineData(" +1_0.5e-1\n", 1.05)]
    [InlineData(".5", 0.5)]
    [InlineData("5.", 5d)]
    [InlineData("-Infinity", double.NegativeInfinity)]
    [InlineData("iNf", double.PositiveInfinity)]
    [InlineData("NaN", double.NaN)]
    [InlineData("1e999", double.PositiveInfinity)]
    [InlineData("1__0", null)]
    [InlineData("_1", null)]
    [InlineData(".", null)]
    [InlineData("1,000", null)]
    [InlineData("0x10", null)]
    [InlineData("", null)]
    [InlineData("1 2", null)]
    public void PythonFloat_Texts_ReadAsPythonReadsThem(string text, double? expected)
    {
        Assert.Equal(expected is not null, PythonFloat.TryParse(text, out var value));
        if (expected is { } number)
        {
            Assert.Equal(number, value, 12);
        }
    }

    [Theory]
    [InlineData("hello", "hello", 1)]
    [InlineData("Hello  World ", "hello world", 1)]
    [InlineData("hallo", "hello", 0.8)]
    [InlineData("abcd", "abxy", 0.5)]
    [InlineData("abc", "axy", 0)] // 1/3 is below the threshold
    [InlineData("a   b", "a c", 0.8)] // distance 1 of collapsed texts, over the raw length 5
    [InlineData("", "", 1)]
    [InlineData("", "x", 0)]
    [InlineData("𝒳y", "𝒳z", 0.5)] // code points, not UTF-16 units
    public void Anls_Pairs_AreNormalisedByTheRawLength(string prediction, string answer, double expected) =>
        Assert.Equal(expected, Score("anls", prediction, answer)!.Value, 12);

    [Fact]
    public void Anls_SeveralAnswers_TakesTheNearest() => Assert.Equal(0.8, Score("anls", "hallo", "zzz", "hello")!.Value, 12);

    [Fact]
    public void Anls_AnyTexts_IsSymmetricAndBetweenZeroAndOne() =>
        Gen.Select(Gen.String[Gen.Char['a', 'c'], 0, 8], Gen.String[Gen.Char['a', 'c'], 0, 8]).Sample((a, b) =>
        {
            Assert.Equal(Score("anls", a, b), Score("anls", b, a));
            Assert.InRange(Score("anls", a, b)!.Value, 0, 1);
            Assert.Equal(1, Score("anls", a, a));
        });

    [Theory]
    [InlineData("gqa_match", "Yes.", "yes", 1)]
    [InlineData("gqa_match", "yes..", "yes", 1)]
    [InlineData("gqa_match", "yes ", "yes", 0)]
    [InlineData("exact_match", " Yes ", "yes", 1)]
    [InlineData("exact_match", "yes.", "yes", 0)]
    [InlineData("seed_letter", "A", "A", 1)]
    [InlineData("seed_letter", "A. the dog", "A", 1)]
    [InlineData("seed_letter", "a", "A", 0)]
    [InlineData("seed_letter", " A", "A", 0)]
    [InlineData("seed_letter", "", "A", 0)]
    public void TextMatches_Pairs_FollowTheirRule(string metric, string prediction, string answer, double expected) =>
        Assert.Equal(expected, Score(metric, prediction, answer));

    [Theory]
    [InlineData(" B ", "B")]
    [InlineData("B. cat", "B")]
    [InlineData("Z", "Z")]
    [InlineData("Because", "B")] // quirk: any text that begins with an option's letter
    [InlineData("the cat", "B")]
    [InlineData("it is a dog, not a cat", "A")] // first option in order, not in the text
    [InlineData("neither", "neither")]
    [InlineData("", "")]
    public void MMBenchExtract_Predictions_GiveTheLetter(string prediction, string expected) => Assert.Equal(
        expected, MMBenchLetter.Extract(prediction, [new("A", "dog"), new("B", "cat")]));

    [Fact]
    public void MMBench_RotatedCopies_MustAllBeRight()
    {
        var metric = Metric.Named("mmbench_letter");
        var scored = new[] { Q("1", "x", 1, "1"), Q("1000001", "x", 0, "1"), Q("2", "x", 1, "2"), Q("1000002", "x", 1, "2") };
        Assert.Equal(50, metric.Aggregate(Metric.Clusters(scored)));
        Assert.Null(metric.Score("A", new ReferenceAnswer()));
    }

    [Theory]
    [InlineData("Yes", "yes")]
    [InlineData("yes, it is", "yes")]
    [InlineData("No.", "no")]
    [InlineData("not", "no")] // quirk: "no" within the first four characters
    [InlineData("I know", "other")]
    [InlineData("know", "no")]
    [InlineData("It is yes", "other")]
    [InlineData("是", "yes")]
    [InlineData("不是", "no")]
    [InlineData("否", "no")]
    [InlineData("答案是", "yes")]
    [InlineData("True", "yes")]
    [InlineData("false", "no")]
    [InlineData("\nYes", "yes")]
    [InlineData("", "other")]
    public void MmeLabel_Predictions_AreReadAsTheReferenceDoes(string prediction, string expected) =>
        Assert.Equal(expected, MmeScore.Label(prediction));

    [Fact]
    public void Mme_TwoTasks_AddsAccuracyAndBothRight()
    {
        var scored = new[]
        {
            Q("1", "color", 1, "0"), Q("2", "color", 1, "0"), Q("3", "color", 1, "1"), Q("4", "color", 0, "1"),
            Q("5", "OCR", 0, "0"), Q("6", "OCR", 1, "0"),
        };
        // color: 75 + 50; OCR: 50 + 0.
        Assert.Equal(175, Metric.Named("mme").Aggregate(Metric.Clusters(scored)));
        Assert.Equal(14, MmeScore.PerceptionTasks.Count + MmeScore.CognitionTasks.Count);
    }

    [Theory]
    [InlineData("[[100,200,300,400]]", 1)]
    [InlineData("The box is [100, 200, 300, 400].", 1)]
    [InlineData("[[0.1,0.2,0.3,0.4]]", 1)]
    [InlineData("[[100,200,300,300]]", 1)] // IoU exactly one half
    [InlineData("[[100,200,300,290]]", 0)]
    [InlineData("[[300,200,500,400]]", 0)] // touches only
    [InlineData("no box", 0)]
    [InlineData("[[a,b,c,d]]", 0)]
    [InlineData("[[0,0,0,0]]", 0)]
    public void BoxAccuracy_Answers_CountFromHalfOverlap(string prediction, double expected)
    {
        var reference = new ReferenceAnswer { Box = new BoundingBox(64, 96, 192, 192), ImageWidth = 640, ImageHeight = 480 };
        Assert.Equal(expected, Metric.Named("box_accuracy").Score(prediction, reference));
    }

    [Fact]
    public void Iou_OverlappingBoxes_IsComputedByHand() => Assert.Equal(
        1f / 7, new BoundingBox(0, 0, 2, 2).IntersectionOverUnion(new BoundingBox(1, 1, 3, 3)), 1e-6f);

    [Theory]
    [InlineData("K7", "k7", 1)]
    [InlineData("K7.", "K7", 1)]
    [InlineData("K8", "K7", 0)]
    [InlineData("[[100,100,200,200]]", "[[110,100,200,200]]", 1)]
    [InlineData("[[100,100,200,200]]", "[[160,100,260,200]]", 0)]
    [InlineData("red", "[[100,100,200,200]]", 0)]
    public void Synthetic_BoxesAndWords_AreJudgedByTheirKind(string prediction, string answer, double expected) =>
        Assert.Equal(expected, Score("synthetic", prediction, answer));

    [Fact]
    public void MMVet_AnswerFile_HasTheGradersKeysAndNoScore()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "mmvet.json");
        JudgedElsewhere.WriteAnswerFile(path, [("0", "a \"quoted\" answer"), ("17", "zwölf")]);
        using var json = JsonDocument.Parse(File.ReadAllText(path));
        Assert.Equal("zwölf", json.RootElement.GetProperty("v1_17").GetString());
        Assert.Equal(2, json.RootElement.EnumerateObject().Count());
        Assert.Null(Metric.Named("judged_elsewhere").Score("x", new ReferenceAnswer()));
    }

    [Fact]
    public void Named_UnknownMetric_ListsTheKnownOnes()
    {
        var error = Assert.Throws<EvaluationException>(() => Metric.Named("bleu"));
        Assert.Contains("'bleu'", error.Message, StringComparison.Ordinal);
        Assert.All(Metric.All, m => Assert.Contains(m.Name, error.Message, StringComparison.Ordinal));
    }

    private static double? Score(string metric, string prediction, params string[] answers) =>
        Metric.Named(metric).Score(prediction, new ReferenceAnswer { Answers = answers });

    private static ScoredQuestion Q(string id, string kind, double score, string? group = null) => new(id, kind, group, score);
}
