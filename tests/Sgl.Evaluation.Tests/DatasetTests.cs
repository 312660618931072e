using Sgl.TestKit;

namespace Sgl.Evaluation.Tests;

public sealed class DatasetTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Synthetic_Lines_BecomeQuestions()
    {
        Image("page1.png");
        _folder.Write("questions.jsonl", """
            {"image": "page1.png", "question": "What is the code?", "answer": "K7", "kind": "text", "question_id": "p1-0"}

            {"image": "page1.png", "question": "How many boxes?", "answer": "3", "kind": "count", "question_id": 17}
            """);
        var data = Benchmarks.Named("synthetic").Read(_folder.Path);
        Assert.Equal(["p1-0", "17"], data.Questions.Select(q => q.Id));
        Assert.Equal(["text", "count"], data.Questions.Select(q => q.Kind));
        Assert.Equal("What is the code?", data.Questions[0].Text);
        Assert.Equal(["K7"], data.Questions[0].Reference.Answers);
        Assert.Equal(Path.Combine(_folder.Path, "page1.png"), data.Questions[0].Image.Name);
    }

    [SkippableFact]
    public async Task Synthetic_RepositorySamples_AreReadWithTheirImages()
    {
        var samples = Path.Combine(Sgl.TestKit.SharedData.RepositoryRoot, "samples");
        Skip.IfNot(File.Exists(Path.Combine(samples, "questions.jsonl")), "the samples are not in this checkout");
        var data = Benchmarks.Named("synthetic").Read(samples);
        Assert.True(data.Questions.Count >= 8);
        Assert.All(data.Questions, q => Assert.Equal(1, data.Benchmark.Metric.Score(q.Reference.Answers[0], q.Reference)));
        foreach (var question in data.Questions)
        {
            Assert.NotEmpty(await question.Image.ReadAsync(CancellationToken.None));
        }
    }

    [Fact]
    public void TextVqa_AnnotationsBeside_GiveTheTenAnswers()
    {
        Image("data/textvqa/train_images/a.jpg");
        _folder.Write("data/textvqa/textvqa_val.jsonl",
            """{"image": "data/textvqa/train_images/a.jpg", "question": "what brand?", "question_id": 34602, "answer": "nous"}""");
        _folder.Write("data/textvqa/textvqa_val_annotations.json",
            """{"annotations": [{"question_id": 34602, "answers": [{"answer": "nous les gosses"}, {"answer": "dakota"}]}]}""");
        var question = Assert.Single(Benchmarks.Named("textvqa").Read(_folder.Path).Questions);
        Assert.Equal("what brand? Answer the question using a single word or phrase.", question.Text);
        Assert.Equal(["nous les gosses", "dakota"], question.Reference.Answers);
        Assert.Equal((10, 6), (question.MaxNewTokens, question.MaxTiles));
    }

    [Fact]
    public void TextVqa_QuestionWithoutAnnotation_NamesFileAndLine()
    {
        Image("data/textvqa/a.jpg");
        var file = _folder.Write("data/textvqa/textvqa_val.jsonl",
            """{"image": "a.jpg", "question": "q", "question_id": 1, "answer": "x"}""");
        _folder.Write("data/textvqa/textvqa_val_annotations.json", """{"annotations": []}""");
        AssertBad("textvqa", _folder.Path, file, 1, "question_id 1");
    }

    [Fact]
    public void DocVqa_AnnotationsBeside_AreMatchedByQuestionId()
    {
        Image("data/docvqa/val/documents/d.png");
        _folder.Write("data/docvqa/val.jsonl",
            """{"image": "data/docvqa/val/documents/d.png", "question": "total?", "question_id": 49153}""");
        _folder.Write("data/docvqa/val/val_v1.0.json",
            """{"dataset_name": "x", "data": [{"questionId": 49153, "question": "total?", "answers": ["0.28", "0.280"]}]}""");
        var question = Assert.Single(Benchmarks.Named("docvqa").Read(_folder.Path).Questions);
        Assert.Equal(["0.28", "0.280"], question.Reference.Answers);
        Assert.Equal((100, 18), (question.MaxNewTokens, question.MaxTiles));
    }

    [Fact]
    public void ChartQa_TwoSplits_AreKindsAndShareNoIds()
    {
        Image("data/chartqa/c.png");
        const string Line = """{"image": "data/chartqa/c.png", "question": "q", "question_id": 0, "answer": "14"}""";
        _folder.Write("data/chartqa/test_human.jsonl", Line);
        _folder.Write("data/chartqa/test_augmented.jsonl", Line);
        var data = Benchmarks.Named("chartqa").Read(_folder.Path);
        Assert.Equal(["human/0", "augmented/0"], data.Questions.Select(q => q.Id));
        Assert.Equal(["human", "augmented"], data.Questions.Select(q => q.Kind));
    }

    [Fact]
    public void Seed_TypesBeside_BecomeKinds()
    {
        Image("data/SEED/cc3m-image/1.jpg");
        _folder.Write("data/SEED/seed.jsonl",
            """{"image": "cc3m-image/1.jpg", "text": "Which?\nA. x\nB. y", "answer": "B", "question_id": "101669"}""");
        _folder.Write("data/SEED/SEED-Bench.json",
            """{"question_type": {"Scene Understanding": 1}, "questions": [{"question_id": "101669", "question_type_id": 1}]}""");
        var question = Assert.Single(Benchmarks.Named("seed").Read(_folder.Path).Questions);
        Assert.Equal("Which?\nA. x\nB. y", question.Text);
        Assert.Equal("Scene Understanding", question.Kind);
    }

    [Fact]
    public void MMVet_EmptyPrompt_LeavesATrailingBlank()
    {
        Image("data/mm-vet/images/v1_0.png");
        _folder.Write("data/mm-vet/llava-mm-vet.jsonl", """{"image": "v1_0.png", "text": "What is x?", "question_id": 0}""");
        var question = Assert.Single(Benchmarks.Named("mmvet").Read(_folder.Path).Questions);
        Assert.Equal("What is x? ", question.Text);
        Assert.Empty(question.Reference.Answers);
    }

    [Fact]
    public void RefCoco_Line_HasBoxAndPrompt()
    {
        Image("data/coco/train2014/x.jpg");
        _folder.Write("data/refcoco/refcoco_val.jsonl",
            """{"image": "data/coco/train2014/x.jpg", "sent": "bowl behind", "bbox": [10.5, 20, 30, 40], "height": 428, "width": 640}""");
        var question = Assert.Single(Benchmarks.Named("refcoco_val").Read(_folder.Path).Questions);
        Assert.Equal(
            "Please provide the bounding box coordinate of the region this sentence describes: <ref>bowl behind</ref>", question.Text);
        Assert.Equal(new BoundingBox(10.5f, 20, 30, 40), question.Reference.Box);
        Assert.Equal((640, 428), (question.Reference.ImageWidth, question.Reference.ImageHeight));
    }

    [Fact]
    public void Mme_ConsecutiveLines_AreOneImage()
    {
        Image("images/color/a.jpg");
        Image("images/color/b.jpg");
        var file = _folder.Write(
            "Your_Results/color.txt",
            "a.jpg\tIs it red?\tYes\na.jpg\tIs it blue?\tNo\nb.jpg\tIs it red?\tNo\nb.jpg\tIs it green?\tYes\n");
        var data = Benchmarks.Named("mme").Read(file);
        Assert.Equal(["0", "0", "1", "1"], data.Questions.Select(q => q.Group));
        Assert.All(data.Questions, q => Assert.Equal(("color", 0, 20), (q.Kind, q.MinNewTokens, q.MaxNewTokens)));
        Assert.Equal("Is it red? Answer the question using a single word or phrase.", data.Questions[0].Text);

        var missing = Assert.Throws<DatasetException>(() => Benchmarks.Named("mme").Read(_folder.Path));
        Assert.Contains("existence.txt", missing.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task MMBench_QuotedFieldsAndMissingOptions_AreReadAsPandasDoes()
    {
        var image = Convert.ToBase64String([1, 2, 3]);
        var file = _folder.Write(
            "mmbench.tsv",
            "index\tquestion\thint\tA\tB\tC\tD\tanswer\tcategory\timage\n"
            + $"241\t\"Which \"\"one\"\"?\nSay.\"\tlook\tcat\tdog\t\tnan\tB\tocr\t{image}\r\n"
            + $"1000241\tWhich?\t\tdog\tcat\t\t\tA\tocr\t{image}\n");
        var data = Benchmarks.Named("mmbench_dev").Read(file);
        Assert.Equal(
            "look\nWhich \"one\"?\nSay.\nA. cat\nB. dog\nAnswer with the option's letter from the given choices directly.",
            data.Questions[0].Text);
        Assert.Equal("Which?\nA. dog\nB. cat\nAnswer with the option's letter from the given choices directly.", data.Questions[1].Text);
        Assert.Equal(["241", "241"], data.Questions.Select(q => q.Group));
        Assert.Equal([1, 2, 3], await data.Questions[0].Image.ReadAsync(CancellationToken.None));
        Assert.Equal($"{file}:2", data.Questions[0].Image.Name);
        Assert.Equal($"{file}:4", data.Questions[1].Image.Name);
    }

    [Theory]
    [InlineData("""{"image": "a.png", "question": """, "not JSON")]
    [InlineData("[1]", "expected a JSON object, found Array")]
    [InlineData("""{"question": "q", "answer": "x"}""", "'image' is missing")]
    [InlineData("""{"image": "a.png", "question": 5, "answer": "x"}""", "'question' must be a string, found Number")]
    [InlineData("""{"image": "a.png", "question": "q"}""", "'answer' is missing")]
    [InlineData("""{"image": "b.png", "question": "q", "answer": "x"}""", "no image 'b.png'")]
    [InlineData("""{"image": "a.png", "question": "q", "answer": "x", "question_id": 1}""", "'1' was used before")]
    public void Read_BrokenLine_NamesFileAndLineOrIsCounted(string line, string problem)
    {
        Image("a.png");
        var file = _folder.Write("questions.jsonl", $$"""
            {"image": "a.png", "question": "q", "answer": "x", "question_id": 1}
            {{line}}
            {"image": "a.png", "question": "q", "answer": "x", "question_id": 2}
            """);
        AssertBad("synthetic", _folder.Path, file, 2, problem);

        var data = Benchmarks.Named("synthetic").Read(_folder.Path, new DatasetOptions { SkipBad = true });
        Assert.Equal(["1", "2"], data.Questions.Select(q => q.Id));
        Assert.Equal(2, Assert.Single(data.Skipped).Line);
    }

    [Fact]
    public void Read_WrongPath_SaysWhatIsNeeded()
    {
        var error = Assert.Throws<DatasetException>(() => Benchmarks.Named("gqa").Read(Path.Combine(_folder.Path, "nowhere")));
        Assert.Contains("llava_gqa_testdev_balanced_qwen_format.jsonl", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<DatasetException>(() => Benchmarks.Named("gqa").Read(_folder.Path, new DatasetOptions { SkipBad = true }));
        Assert.Contains("no such file", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_EmptyFile_IsAnError() => Assert.Contains(
        "holds no question",
        Assert.Throws<DatasetException>(() => Benchmarks.Named("synthetic").Read(_folder.Write("questions.jsonl", "\n"))).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Read_Limit_StopsThereWithoutReadingOn()
    {
        Image("a.png");
        _folder.Write("questions.jsonl", """
            {"image": "a.png", "question": "q", "answer": "x"}
            {"image": "a.png", "question": "q", "answer": "x"}
            broken
            """);
        Assert.Equal(["1", "2"], Benchmarks.Named("synthetic").Read(_folder.Path, new DatasetOptions { Limit = 2 }).Questions.Select(q => q.Id));
    }

    [Fact]
    public void Named_UnknownBenchmark_ListsTheKnownOnes() => Assert.Contains(
        "textvqa", Assert.Throws<EvaluationException>(() => Benchmarks.Named("imagenet")).Message, StringComparison.Ordinal);

    [Fact]
    public void MMBench_BrokenImage_NamesTheLine()
    {
        var file = _folder.Write("m.tsv", "index\tquestion\tA\timage\n1\tq\tx\t***\n");
        AssertBad("mmbench_dev", file, file, 2, "not base64");
        file = _folder.Write("n.tsv", "index\tquestion\tA\n1\tq\tx\n");
        AssertBad("mmbench_dev", file, file, 1, "no column 'image'");
        file = _folder.Write("o.tsv", "index\tquestion\timage\n1\t\"open\tx\n");
        AssertBad("mmbench_dev", file, file, 2, "does not end");
    }

    private static void AssertBad(string benchmark, string path, string file, int line, string problem)
    {
        var error = Assert.Throws<DatasetException>(() => Benchmarks.Named(benchmark).Read(path));
        Assert.Equal((file, line), (error.File, error.Line));
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
        Assert.StartsWith($"{file}:{line}: ", error.Message, StringComparison.Ordinal);
    }

    private void Image(string name) => _folder.Write(name, "an image");
}
