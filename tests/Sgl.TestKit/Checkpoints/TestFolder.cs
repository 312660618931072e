using System.Text.Json.Nodes;

namespace Sgl.TestKit;

/// <summary>A checkpoint folder that a test makes, and that goes when the test ends. Weights are sparse files: their size costs nothing.</summary>
public sealed class TestFolder : IDisposable
{
    public TestFolder() => Path = Directory.CreateTempSubdirectory("sgl-checkpoint-").FullName;

    public string Path { get; }

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public TestFolder Text(string name, string text)
    {
        System.IO.File.WriteAllText(File(name), text);
        return this;
    }

    public TestFolder Json(string name, JsonNode json) => Text(name, json.ToJsonString());

    public TestFolder Weights(string name, IEnumerable<(string Name, long[] Shape)> tensors, string dtype = "BF16")
    {
        var header = new JsonObject { ["__metadata__"] = new JsonObject { ["format"] = "pt" } };
        long offset = 0;
        foreach (var (tensor, shape) in tensors)
        {
            var bytes = shape.Aggregate(dtype == "F32" ? 4L : 2L, (a, b) => a * b);
            header[tensor] = new JsonObject
            {
                ["dtype"] = dtype,
                ["shape"] = new JsonArray([.. shape.Select(d => (JsonNode)d)]),
                ["data_offsets"] = new JsonArray(offset, offset + bytes),
            };
            offset += bytes;
        }

        return Raw(name, header.ToJsonString(), offset);
    }

    /// <summary>A safetensors file with any text as its header.</summary>
    public TestFolder Raw(string name, string header, long dataBytes)
    {
        var json = System.Text.Encoding.UTF8.GetBytes(header);
        using var file = System.IO.File.Create(File(name));
        file.Write(BitConverter.GetBytes((ulong)json.Length));
        file.Write(json);
        file.SetLength(8 + json.Length + dataBytes);
        return this;
    }

    /// <summary>Shards of at most <paramref name="shardBytes"/> (bfloat16) with their index.</summary>
    public TestFolder Sharded(IReadOnlyList<(string Name, long[] Shape)> tensors, long shardBytes)
    {
        var shards = new List<List<(string Name, long[] Shape)>> { new() };
        long used = 0;
        foreach (var tensor in tensors)
        {
            var bytes = tensor.Shape.Aggregate(2L, (a, b) => a * b);
            if (used > 0 && used + bytes > shardBytes)
            {
                shards.Add([]);
                used = 0;
            }

            shards[^1].Add(tensor);
            used += bytes;
        }

        var map = new JsonObject();
        for (var i = 0; i < shards.Count; i++)
        {
            var name = $"model-{i + 1:D5}-of-{shards.Count:D5}.safetensors";
            Weights(name, shards[i]);
            foreach (var (tensor, _) in shards[i])
            {
                map[tensor] = name;
            }
        }

        return Json("model.safetensors.index.json", new JsonObject { ["metadata"] = new JsonObject(), ["weight_map"] = map });
    }

    /// <summary>Deletes one of the shards, counted from 0.</summary>
    public string DeleteShard(int number)
    {
        var path = Directory.GetFiles(Path, "model-*-of-*.safetensors").Order(StringComparer.Ordinal).ElementAt(number);
        System.IO.File.Delete(path);
        return System.IO.Path.GetFileName(path);
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
