using System.Text.Json;

namespace Sgl.Evaluation.Internal;

/// <summary>One pass over the files of a benchmark: finds files and images, collects questions, applies skip-bad and limit.</summary>
internal sealed class DatasetReading
{
    private readonly Benchmark _benchmark;
    private readonly string _path;
    private readonly DatasetOptions _options;
    private readonly List<EvaluationQuestion> _questions = [];
    private readonly List<DatasetException> _skipped = [];
    private readonly HashSet<string> _ids = new(StringComparer.Ordinal);

    public DatasetReading(Benchmark benchmark, string path, DatasetOptions options) =>
        (_benchmark, _path, _options) = (benchmark, path, options);

    public string? Prompt => _benchmark.Prompt;

    /// <summary>The data files that are read: the benchmark's under the folder, or the one file given.</summary>
    public IEnumerable<string> Files()
    {
        if (File.Exists(_path))
        {
            return [_path];
        }

        if (!Directory.Exists(_path))
        {
            throw new DatasetException(_path, 0, $"no such file or folder; {_benchmark.Name} needs {Wanted()}");
        }

        // Existence is checked for all files before the first question is read.
        var files = _benchmark.Files.Select(f => Path.Combine(_path, f)).ToArray();
        return files.FirstOrDefault(f => !File.Exists(f)) is { } missing
            ? throw new DatasetException(missing, 0, $"no such file; {_benchmark.Name} needs {Wanted()} in {_path}")
            : files;
    }

    /// <summary>Parses every line that is not blank as a JSON object and hands it over.</summary>
    public void EachJsonLine(string file, Func<JsonFields, EvaluationQuestion> toQuestion)
    {
        foreach (var (text, number) in Lines(file))
        {
            if (IsFull)
            {
                return;
            }

            Try(() =>
            {
                using var fields = JsonFields.Parse(file, number, text);
                return toQuestion(fields);
            });
        }
    }

    public bool IsFull => _questions.Count >= _options.Limit;

    /// <summary>Adds a question, or notes why it could not be made.</summary>
    public void Try(Func<EvaluationQuestion> make)
    {
        try
        {
            _questions.Add(make());
        }
        catch (DatasetException bad) when (_options.SkipBad)
        {
            _skipped.Add(bad);
        }
    }

    /// <summary>A question with the benchmark's own settings filled in. Refuses an id seen before.</summary>
    public EvaluationQuestion Question(
        string file, int line, string id, string text, ImageSource image, ReferenceAnswer reference)
    {
        if (!_ids.Add(id))
        {
            throw new DatasetException(file, line, $"the question id '{id}' was used before");
        }

        return new EvaluationQuestion
        {
            Benchmark = _benchmark.Name,
            Id = id,
            Text = text,
            Image = image,
            Reference = reference,
            MaxNewTokens = _benchmark.MaxNewTokens,
            MinNewTokens = _benchmark.MinNewTokens,
            MaxTiles = _benchmark.MaxTiles,
        };
    }

    /// <summary>Question and prompt with one blank between; an empty prompt leaves the blank, as the reference does.</summary>
    public string WithPrompt(string question) => Prompt is null ? question : $"{question} {Prompt}";

    /// <summary>Finds an image file that a data file names.</summary>
    public ImageSource Image(string file, int line, string name)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(file))!;
        string?[] roots = [_options.ImageRoot, Directory.Exists(_path) ? _path : null, folder, Path.Combine(folder, "images")];
        foreach (var root in roots)
        {
            if (root is not null && Path.Combine(root, name) is var path && File.Exists(path))
            {
                return ImageSource.File(path);
            }
        }

        throw new DatasetException(
            file, line, $"no image '{name}' under {string.Join(", ", roots.OfType<string>().Select(Path.TrimEndingDirectorySeparator).Distinct())}");
    }

    public static IEnumerable<(string Text, int Number)> Lines(string file)
    {
        var number = 0;
        foreach (var line in File.ReadLines(file))
        {
            number++;
            if (!string.IsNullOrWhiteSpace(line))
            {
                yield return (line, number);
            }
        }
    }

    /// <summary>A whole JSON file beside a data file, such as annotations.</summary>
    public static JsonDocument Json(string file)
    {
        if (!File.Exists(file))
        {
            throw new DatasetException(file, 0, "no such file");
        }

        using var stream = File.OpenRead(file);
        try
        {
            return JsonDocument.Parse(stream);
        }
        catch (JsonException e)
        {
            throw new DatasetException(file, (int)(e.LineNumber ?? 0) + 1, $"not JSON: {e.Message}", e);
        }
    }

    public Dataset Result() => _questions.Count > 0 || _skipped.Count > 0
        ? new Dataset(_benchmark, _questions, _skipped)
        : _options.Limit == 0 ? new Dataset(_benchmark, [], [])
        : throw new DatasetException(_path, 0, "holds no question");

    private string Wanted() => string.Join(", ", _benchmark.Files);
}
