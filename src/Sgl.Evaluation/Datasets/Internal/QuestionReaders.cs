using System.Globalization;
using System.Text.Json;

namespace Sgl.Evaluation.Internal;

/// <summary>One method per file format of the InternVL evaluation.</summary>
internal static class QuestionReaders
{
    public const string MMBenchInstruction = "Answer with the option's letter from the given choices directly.";

    private static readonly string[] OptionLetters = ["A", "B", "C", "D", "E"];

    /// <summary>
    /// {image, question, answer, question_id?, kind?}; the answer is a string or a list. Used by GQA and the synthetic pages.
    /// Without ids the line numbers serve.
    /// </summary>
    public static void Plain(DatasetReading reading)
    {
        foreach (var file in reading.Files())
        {
            reading.EachJsonLine(file, f => Basic(reading, f, "question", new ReferenceAnswer { Answers = Required(f) }) with
            {
                Kind = f.OptionalId("kind"),
            });
        }
    }

    /// <summary>As <see cref="Plain"/>, but the answer may be absent: requests of one's own, labelled or not.</summary>
    public static void Requests(DatasetReading reading)
    {
        foreach (var file in reading.Files())
        {
            reading.EachJsonLine(file, f => Basic(reading, f, "question", new ReferenceAnswer { Answers = f.Texts("answer") }) with
            {
                Kind = f.OptionalId("kind"),
            });
        }
    }

    /// <summary>As <see cref="Plain"/>; the ten annotators' answers stand in a file beside it.</summary>
    public static void TextVqa(DatasetReading reading)
    {
        foreach (var file in reading.Files())
        {
            var answers = Annotations(Beside(file, "textvqa_val_annotations.json"), "annotations", "question_id",
                a => [.. a.GetProperty("answers").EnumerateArray().Select(x => x.GetProperty("answer").GetString()!)]);
            reading.EachJsonLine(file, f => WithAnnotation(reading, f, answers));
        }
    }

    /// <summary>As <see cref="Plain"/>; the answers stand in <c>val/val_v1.0.json</c> beside it.</summary>
    public static void DocVqa(DatasetReading reading)
    {
        foreach (var file in reading.Files())
        {
            var answers = Annotations(Beside(file, "val", "val_v1.0.json"), "data", "questionId",
                a => [.. a.GetProperty("answers").EnumerateArray().Select(x => x.GetString()!)]);
            reading.EachJsonLine(file, f => WithAnnotation(reading, f, answers));
        }
    }

    /// <summary>As <see cref="Plain"/>; the kind is the split, from the file's name, and part of the id.</summary>
    public static void ChartQa(DatasetReading reading)
    {
        foreach (var file in reading.Files())
        {
            var split = Path.GetFileNameWithoutExtension(file).Replace("test_", "", StringComparison.Ordinal);
            reading.EachJsonLine(file, f => reading.Question(
                f.File, f.Line, $"{split}/{IdOrLine(f)}", reading.WithPrompt(f.Text("question")),
                reading.Image(f.File, f.Line, f.Text("image")), new ReferenceAnswer { Answers = Required(f) }) with
            {
                Kind = split,
            });
        }
    }

    /// <summary>
    /// {image, text, answer, question_id}; the kind is the question type from <c>SEED-Bench.json</c>, where that file lies beside.
    /// </summary>
    public static void Seed(DatasetReading reading)
    {
        foreach (var file in reading.Files())
        {
            var types = File.Exists(Beside(file, "SEED-Bench.json")) ? SeedTypes(Beside(file, "SEED-Bench.json")) : [];
            reading.EachJsonLine(file, f =>
            {
                var question = Basic(reading, f, "text", new ReferenceAnswer { Answers = Required(f) });
                return question with { Kind = types.GetValueOrDefault(question.Id) };
            });
        }
    }

    /// <summary>{image, text, question_id}; no answers.</summary>
    public static void MMVet(DatasetReading reading)
    {
        foreach (var file in reading.Files())
        {
            reading.EachJsonLine(file, f => Basic(reading, f, "text", new ReferenceAnswer()));
        }
    }

    /// <summary>{image, sent, bbox, width, height}.</summary>
    public static void RefCoco(DatasetReading reading)
    {
        foreach (var file in reading.Files())
        {
            reading.EachJsonLine(file, f =>
            {
                var box = f.Numbers("bbox", 4);
                return reading.Question(
                    f.File, f.Line, IdOrLine(f),
                    $"Please provide the bounding box coordinate of the region this sentence describes: <ref>{f.Text("sent")}</ref>",
                    reading.Image(f.File, f.Line, f.Text("image")),
                    new ReferenceAnswer
                    {
                        Box = new BoundingBox(box[0], box[1], box[2], box[3]),
                        ImageWidth = (int)f.Number("width"),
                        ImageHeight = (int)f.Number("height"),
                    });
            });
        }
    }

    /// <summary>Tab-separated: image, question, Yes/No. Two consecutive lines belong to one image; the file's name is the task.</summary>
    public static void Mme(DatasetReading reading)
    {
        foreach (var file in reading.Files())
        {
            var task = Path.GetFileNameWithoutExtension(file);
            var count = 0;
            foreach (var (text, number) in DatasetReading.Lines(file))
            {
                var pair = count++ / 2;
                if (reading.IsFull)
                {
                    return;
                }

                reading.Try(() =>
                {
                    var fields = text.Trim().Split('\t');
                    if (fields.Length != 3 || fields[2] is not ("Yes" or "No"))
                    {
                        throw new DatasetException(file, number, "expected image, question and Yes or No, separated by tabs");
                    }

                    return reading.Question(
                        file, number, $"{task}/{number}", reading.WithPrompt(fields[1]), MmeImage(reading, file, number, task, fields[0]),
                        new ReferenceAnswer { Answers = [fields[2]] }) with
                    {
                        Kind = task,
                        Group = pair.ToString(CultureInfo.InvariantCulture),
                    };
                });
            }
        }
    }

    /// <summary>
    /// Tab-separated with a header: index, question, hint, A to E, answer (dev only), category, image (base64). The question is
    /// hint, question, options and instruction, one per line. Rotated copies share the index modulo one million.
    /// </summary>
    public static void MMBench(DatasetReading reading)
    {
        foreach (var file in reading.Files())
        {
            foreach (var row in TabSeparated.Read(file))
            {
                if (reading.IsFull)
                {
                    return;
                }

                reading.Try(() => MMBenchQuestion(reading, file, row));
            }
        }
    }

    private static EvaluationQuestion MMBenchQuestion(DatasetReading reading, string file, TabSeparated.Row row)
    {
        var index = row["index"] ?? throw new DatasetException(file, row.Line, "the column 'index' is empty");
        if (!long.TryParse(index, NumberStyles.Integer, CultureInfo.InvariantCulture, out var number))
        {
            throw new DatasetException(file, row.Line, $"the column 'index' must be a number, found '{index}'");
        }

        var question = row["question"] ?? throw new DatasetException(file, row.Line, "the column 'question' is empty");
        var options = OptionLetters.Where(letter => row[letter] is not null)
            .Select(letter => KeyValuePair.Create(letter, row[letter]!)).ToArray();
        string?[] lines = [row["hint"], question, .. options.Select(o => $"{o.Key}. {o.Value}"), MMBenchInstruction];
        byte[] image;
        try
        {
            image = Convert.FromBase64String(row["image"] ?? "");
        }
        catch (FormatException e)
        {
            throw new DatasetException(file, row.Line, "the column 'image' is not base64", e);
        }

        if (image.Length == 0)
        {
            throw new DatasetException(file, row.Line, "the column 'image' is empty");
        }

        return reading.Question(
            file, row.Line, index, string.Join('\n', lines.Where(l => l is not null)), ImageSource.Inline($"{file}:{row.Line}", image),
            new ReferenceAnswer { Answers = row["answer"] is { } answer ? [answer] : [], Options = options }) with
        {
            Kind = row["category"],
            Group = (number % 1_000_000).ToString(CultureInfo.InvariantCulture),
        };
    }

    private static EvaluationQuestion Basic(DatasetReading reading, JsonFields f, string text, ReferenceAnswer reference) =>
        reading.Question(
            f.File, f.Line, IdOrLine(f), reading.WithPrompt(f.Text(text)), reading.Image(f.File, f.Line, f.Text("image")), reference);

    private static EvaluationQuestion WithAnnotation(
        DatasetReading reading, JsonFields f, Dictionary<string, string[]> answers)
    {
        var id = f.Id("question_id");
        return answers.TryGetValue(id, out var right)
            ? Basic(reading, f, "question", new ReferenceAnswer { Answers = right })
            : throw f.Error($"the annotations have no question_id {id}");
    }

    private static IReadOnlyList<string> Required(JsonFields f) =>
        f.Texts("answer") is { Count: > 0 } answers ? answers : throw f.Error("the field 'answer' is missing");

    private static string IdOrLine(JsonFields f) =>
        f.OptionalId("question_id") ?? f.Line.ToString(CultureInfo.InvariantCulture);

    private static string Beside(string file, params string[] names) =>
        Path.Combine([Path.GetDirectoryName(Path.GetFullPath(file))!, .. names]);

    /// <summary>The images of MME lie in <c>images/TASK</c> beside the folder of the question files.</summary>
    private static ImageSource MmeImage(DatasetReading reading, string file, int line, string task, string name)
    {
        var beside = Beside(file, "..", "images", task, name);
        return File.Exists(beside) ? ImageSource.File(Path.GetFullPath(beside))
            : reading.Image(file, line, Path.Combine("images", task, name));
    }

    private static Dictionary<string, string[]> Annotations(
        string file, string list, string id, Func<JsonElement, string[]> answers)
    {
        using var json = DatasetReading.Json(file);
        try
        {
            return json.RootElement.GetProperty(list).EnumerateArray().ToDictionary(
                a => a.GetProperty(id) is { ValueKind: JsonValueKind.String } text ? text.GetString()! : a.GetProperty(id).GetRawText(),
                answers);
        }
        catch (Exception e) when (e is KeyNotFoundException or InvalidOperationException or ArgumentException)
        {
            throw new DatasetException(file, 0, $"expected {list}[] with {id} and answers: {e.Message}", e);
        }
    }

    private static Dictionary<string, string> SeedTypes(string file)
    {
        using var json = DatasetReading.Json(file);
        try
        {
            var names = json.RootElement.GetProperty("question_type").EnumerateObject()
                .ToDictionary(t => t.Value.GetInt32(), t => t.Name);
            return json.RootElement.GetProperty("questions").EnumerateArray().ToDictionary(
                q => q.GetProperty("question_id") is { ValueKind: JsonValueKind.String } text
                    ? text.GetString()! : q.GetProperty("question_id").GetRawText(),
                q => names[q.GetProperty("question_type_id").GetInt32()]);
        }
        catch (Exception e) when (e is KeyNotFoundException or InvalidOperationException or ArgumentException or FormatException)
        {
            throw new DatasetException(file, 0, $"expected question_type and questions[]: {e.Message}", e);
        }
    }
}
